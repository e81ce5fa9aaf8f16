"""Mistakes in RMSNorm (2.5), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

RMSNORM_FORWARD = mistakes(
    "2.5",
    "RMSNorm.forward",
    {
        "Is the mean subtracted? RMSNorm does not centre.": {
            "(wide / scale)": "((wide - wide.mean(-1, keepdim=True)) / scale)"
        },
        "Is this LayerNorm? RMSNorm does not centre.": {
            "scale = ": "wide = wide - wide.mean(-1, keepdim=True)\nscale = "
        },
        "Is it the sum of squares, and not their mean?": {".mean(": ".sum("},
        "Is eps added outside the root? It belongs under it.": {
            " + self.eps).sqrt()": ").sqrt() + self.eps"
        },
        "Is eps forgotten?": [
            {" + self.eps": ""},
            {
                "self.hook_scale((wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt())": "(self.hook_scale(wide.pow(2).mean(dim=-1, keepdim=True).sqrt()) ** 2 + self.eps).sqrt()"
            },
        ],
        "Is eps squared?": {" + self.eps": " + self.eps**2"},
        "Is the square root missing?": [
            {".sqrt()": ""},
            {
                "self.hook_scale((wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt())": "self.hook_scale(wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt()"
            },
        ],
        "Is it the mean of absolute values, not of squares?": [
            {
                "(wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt()": "wide.abs().mean(dim=-1, keepdim=True)"
            },
            {
                "(wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt()": "wide.abs().mean(dim=-1, keepdim=True) + self.eps"
            },
        ],
        "Is it the variance? RMSNorm takes the squares of x itself, mean included.": {
            "wide.pow(2).mean(dim=-1, keepdim=True)": "wide.var(dim=-1, keepdim=True, correction=0)"
        },
        "Is the gain w forgotten?": {" * self.w": ""},
        "Is the gain 1 + w? Here it is w itself.": {" * self.w": " * (1 + self.w)"},
        "Is x multiplied by the gain before it is normalised? The gain is the last step.": {
            " * self.w": "",
            "scale = ": "wide = wide * self.w\nscale = ",
        },
        "They agree to five digits: is a precision lower, or a small number added?": {
            "scale = ": "wide = wide.float()\nscale = "
        },
        "That is after the gain, as in LayerNorm.": {
            "(self.hook_normalized(wide / scale) * self.w)": "self.hook_normalized(wide / scale * self.w)"
        },
        "Is what self.hook_normalized returns ignored?": {
            "return (self.hook_normalized(wide / scale) * self.w)": "(self.hook_normalized(wide / scale) * self.w)\nreturn (wide / scale * self.w)"
        },
        "Is what self.hook_scale returns ignored?": [
            {
                "scale = self.hook_scale((wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt())": "scale = (wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt()\nself.hook_scale(scale)"
            },
            {"wide / scale": "torch.nn.functional.rms_norm(wide, wide.shape[-1:], None, self.eps)"},
        ],
        "Are several vectors normalised together? Each is normalised alone: dim=-1.": [
            {"dim=-1": "dim=-2"},
            {"mean(dim=-1, keepdim=True)": "mean()"},
            {"dim=-1": "dim=1"},
            {"dim=-1": "dim=(1, -1)"},
        ],
        "Is it the variance with d_model - 1 (torch.var)? RMSNorm takes the mean of x's own squares.": {
            "wide.pow(2).mean(dim=-1, keepdim=True)": "wide.var(dim=-1, keepdim=True)"
        },
        "Is .to(x.dtype) left out?": {".to(x.dtype)": ""},
        "Is the result converted before the gain? The gain is in float32 too.": {
            "(self.hook_normalized(wide / scale) * self.w).to(x.dtype)": "self.hook_normalized(wide / scale).to(x.dtype) * self.w"
        },
        "Is x used in place of `wide`?": [
            {"wide.pow(2)": "x.pow(2)", "wide / scale": "x / scale"},
            {"wide.pow(2)": "x.pow(2)"},
        ],
        "Does the hook see 1 / divisor?": {
            "scale = self.hook_scale((wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt())": "scale = self.hook_scale((wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).rsqrt())",
            "wide / scale": "wide * scale",
        },
        "Does hook_scale receive the mean of squares? It receives the divisor, after eps and the root.": {
            "scale = self.hook_scale((wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt())": "scale = (self.hook_scale(wide.pow(2).mean(dim=-1, keepdim=True)) + self.eps).sqrt()"
        },
        "Is it divided by the length of the vector? The root mean square is smaller by sqrt(d_model).": {
            "(wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt()": "wide.norm(dim=-1, keepdim=True) + self.eps"
        },
        "Is the mean squared? It is the mean of the squares.": {
            "wide.pow(2).mean(dim=-1, keepdim=True)": "wide.mean(dim=-1, keepdim=True).pow(2)"
        },
        "Are the hook points left out? torch's rms_norm calls none.": """
            return torch.nn.functional.rms_norm(wide, wide.shape[-1:], self.w, self.eps).to(x.dtype)
            """,
        "Is it divided by d_model - 1? The mean of squares divides by d_model.": {
            "wide.pow(2).mean(dim=-1, keepdim=True)": "wide.pow(2).sum(dim=-1, keepdim=True) / (wide.shape[-1] - 1)"
        },
        "Is x multiplied by the divisor?": {"wide / scale": "wide * scale"},
        "Is the mean added to the result?": {
            "wide / scale": "wide / scale + wide.mean(dim=-1, keepdim=True)"
        },
        "Is the root taken twice?": {".sqrt()": ".sqrt().sqrt()"},
        "Is it the largest entry? It is the root of the mean of squares.": {
            "(wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt()": "wide.abs().amax(dim=-1, keepdim=True) + self.eps"
        },
        "Is the gain applied twice?": {"* self.w": "* self.w * self.w"},
        "Does hook_scale receive the divisor without its last axis? It is [batch, pos, 1].": {
            "scale = self.hook_scale((wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt())": "scale = self.hook_scale((wide.pow(2).mean(dim=-1) + self.eps).sqrt())[..., None]"
        },
    },
    unnamed={
        "from `wide`, not from x": {"wide.pow": "x.pow"},
        "Is .to(x.dtype) forgotten?": {".to(x.dtype)": ""},
        "is edited in place afterwards": {" * self.w)": ".mul_(self.w))"},
        "is changed in place. The caller": {"wide / scale": "wide.div_(scale)"},
        "hook_scale must be called once": {"self.hook_scale": ""},
        "with x's own precision, the last step?": [
            {".to(x.dtype)": ".to(self.w.dtype)"},
            {
                "(self.hook_normalized(wide / scale) * self.w).to(x.dtype)": "self.hook_normalized(wide / scale).to(x.dtype) * self.w"
            },
        ],
        "divisor sqrt(25 + 11) = 6": {"wide / scale": "wide * scale"},
        "disagrees with finite differences": {"wide.pow": "wide.detach().pow"},
    },
)
RIGHT_2_5 = right_answers(
    "2.5",
    "RMSNorm.forward",
    {
        "vector by vector": """
            rows = wide.reshape(-1, wide.shape[-1])
            squares = torch.stack([row @ row / len(row) for row in rows])
            scale = self.hook_scale(torch.sqrt(squares.reshape(*wide.shape[:-1], 1) + self.eps))
            return torch.mul(self.hook_normalized(wide.div(scale)), self.w).type_as(x)
            """,
        "by the vector's length": """
            length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
            scale = self.hook_scale((length**2 / wide.shape[-1] + self.eps).sqrt())
            normalized = self.hook_normalized(wide * (1 / scale))
            return (self.w * normalized).to(x.dtype)
            """,
        "by einsum": {
            "wide.pow(2).mean(dim=-1, keepdim=True)": "(torch.einsum('...i,...i->...', wide, wide) / self.w.numel())[..., None]"
        },
    },
)
