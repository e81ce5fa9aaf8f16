"""Mistakes in LayerNorm (2.4), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

MEAN = "wide.mean(dim=-1, keepdim=True)"
VARIANCE = "centred.pow(2).mean(dim=-1, keepdim=True)"
DIVISOR = "(variance + self.eps).sqrt()"
SHOWN = "self.hook_scale((variance + self.eps).sqrt())"

LAYERNORM_FORWARD = mistakes(
    "2.4",
    "LayerNorm.forward",
    {
        "Is it divided by d_model - 1 (torch.var and torch.std do so)? The mean of squares divides by d_model.": {
            VARIANCE: "wide.var(dim=-1, keepdim=True)"
        },
        "Is eps added outside the root? It belongs under it.": {
            DIVISOR: "variance.sqrt() + self.eps"
        },
        "Is eps 1e-05 written into the code? It comes from the config, as self.eps.": {
            DIVISOR: "(variance + 1e-5).sqrt()"
        },
        "Is eps forgotten?": [
            {DIVISOR: "variance.sqrt()"},
            {"variance + self.eps": "variance.clamp(min=self.eps)"},
        ],
        "Is the square root missing?": [
            {DIVISOR: "(variance + self.eps)"},
            {SHOWN: "self.hook_scale(variance + self.eps).sqrt()"},
        ],
        "Is the gain w forgotten?": {" * self.w": ""},
        "Is the bias b forgotten?": {" + self.b": ""},
        "Is the bias added before the gain is multiplied?": {
            "centred / scale * self.w + self.b": "(centred / scale + self.b) * self.w"
        },
        "Is x multiplied by the gain before it is normalised? The gain is the last step.": {
            " * self.w": "",
            MEAN: "wide.mean(dim=-1, keepdim=True)\nwide = wide * self.w\ncentred = wide - wide.mean(dim=-1, keepdim=True)",
        },
        "Is the mean never subtracted, as in RMSNorm?": {
            "centred = wide - wide.mean(dim=-1, keepdim=True)": "centred = wide"
        },
        "Is the mean subtracted in the variance only?": {"centred / scale": "wide / scale"},
        "Are the squares taken of x itself, before its mean is subtracted?": {
            VARIANCE: "wide.pow(2).mean(dim=-1, keepdim=True)"
        },
        "They agree to five digits: is a precision lower, or a small number added?": {
            "centred = wide": "wide = wide.float()\ncentred = wide"
        },
        "Does the hook see 1 / divisor?": {
            SHOWN: "1 / self.hook_scale(1 / (variance + self.eps).sqrt())"
        },
        "Is what self.hook_scale returns ignored?": {
            "scale = self.hook_scale((variance + self.eps).sqrt())": "scale = (variance + self.eps).sqrt()\nself.hook_scale(scale)"
        },
        "That is before gain and bias, as in RMSNorm.": {
            "self.hook_normalized(centred / scale * self.w + self.b)": "(self.hook_normalized(centred / scale) * self.w + self.b)"
        },
        "Is what self.hook_normalized returns ignored?": {
            "return self.hook_normalized(centred / scale * self.w + self.b)": "out = centred / scale * self.w + self.b\nself.hook_normalized(centred / scale * self.w + self.b)\nreturn out"
        },
        "Are several vectors normalised together? Each is normalised alone: dim=-1.": [
            {
                MEAN: "wide.mean(dim=-2, keepdim=True)",
                VARIANCE: "centred.pow(2).mean(dim=-2, keepdim=True)",
            },
            {
                MEAN: "wide.mean()",
                VARIANCE: "centred.pow(2).mean()",
            },
            {
                "wide.mean(dim=-1, keepdim=True)": "wide.mean(dim=1, keepdim=True)",
                "centred.pow(2).mean(dim=-1, keepdim=True)": "centred.pow(2).mean(dim=1, keepdim=True)",
            },
            {
                "wide.mean(dim=-1, keepdim=True)": "wide.mean(dim=(-2,-1), keepdim=True)",
                "centred.pow(2).mean(dim=-1, keepdim=True)": "centred.pow(2).mean(dim=(-2,-1), keepdim=True)",
            },
        ],
        "Is the mean taken over positions, and the variance over d_model? Both are over d_model.": {
            "wide.mean(dim=-1, keepdim=True)": "wide.mean(dim=-2, keepdim=True)"
        },
        "Is it the sum of squares, and not their mean?": {
            "centred.pow(2).mean": "centred.pow(2).sum"
        },
        "Is the gain 1 + w? Here it is w itself.": {"* self.w": "* (1 + self.w)"},
        "Is the bias b subtracted? It is added.": {"+ self.b": "- self.b"},
        "Is .to(x.dtype) left out?": {".to(x.dtype)": ""},
        "Is x used in place of `wide`?": {"wide - wide.mean": "x - x.mean"},
        "Does hook_scale receive the variance? It receives the divisor, after eps and the root.": {
            "self.hook_scale((variance + self.eps).sqrt())": "(self.hook_scale(variance) + self.eps).sqrt()"
        },
        "Does hook_scale receive the divisor without its last axis? It is [batch, pos, 1].": {
            "scale = self.hook_scale((variance + self.eps).sqrt())": "scale = self.hook_scale((variance + self.eps).sqrt().squeeze(-1)).unsqueeze(-1)"
        },
        "Is eps added twice, under the root and after it?": {
            "(variance + self.eps).sqrt()": "(variance + self.eps).sqrt() + self.eps"
        },
        "Is the median subtracted? It is the mean.": {
            "wide.mean(dim=-1, keepdim=True)": "wide.median(dim=-1, keepdim=True).values"
        },
        "Is the variance a difference of two means of squares? It loses digits: square what is centred.": {
            "variance = centred.pow(2).mean(dim=-1, keepdim=True)": "variance = wide.pow(2).mean(dim=-1, keepdim=True) - wide.mean(dim=-1, keepdim=True) ** 2"
        },
        "Is eps added outside the root, and the variance divided by d_model - 1 (torch.std)?": {
            "(variance + self.eps).sqrt()": "wide.std(dim=-1, keepdim=True) + self.eps"
        },
        "Are the hook points left out? torch's layer_norm calls none.": """
            return torch.nn.functional.layer_norm(wide, wide.shape[-1:], self.w, self.b, self.eps).to(x.dtype)
            """,
        "Is eps a lower limit (clamp)? It is added to the variance.": {
            "(variance + self.eps).sqrt()": "variance.sqrt().clamp(min=self.eps)"
        },
        "Is it the mean of absolute values, not of squares?": {
            "variance = centred.pow(2).mean(dim=-1, keepdim=True)": "variance = centred.abs().mean(dim=-1, keepdim=True) ** 2"
        },
        "Is eps squared?": {"variance + self.eps": "variance + self.eps ** 2"},
        "Is it divided by the length of the vector? The root mean square is smaller by sqrt(d_model).": {
            "(variance + self.eps).sqrt()": "centred.norm(dim=-1, keepdim=True) + self.eps"
        },
        "Is the divisor detached? Gradients go through it too.": {
            "self.hook_scale((variance + self.eps).sqrt())": "self.hook_scale((variance + self.eps).sqrt()).detach()"
        },
        "Is there one variance for all vectors? Each vector has its own.": {
            "centred.pow(2).mean(dim=-1, keepdim=True)": "centred.pow(2).mean()"
        },
        "Is the bias multiplied by the gain? The normalised vector is.": {
            "* self.w + self.b": "+ self.b * self.w"
        },
        "Is the bias divided by the divisor too?": {
            "centred / scale * self.w + self.b": "(centred * self.w + self.b) / scale"
        },
        "Is x added? The block adds to the residual stream.": {
            "self.hook_normalized(centred / scale * self.w + self.b)": "(wide + self.hook_normalized(centred / scale * self.w + self.b))"
        },
        "Does hook_normalized receive the vector before it is divided?": {
            "self.hook_normalized(centred / scale * self.w + self.b)": "(self.hook_normalized(centred) / scale * self.w + self.b)"
        },
        "Is the variance squared?": {
            "(variance + self.eps).sqrt()": "(variance.pow(2) + self.eps).sqrt()"
        },
    },
    unnamed={
        "subtract the mean, then square": {
            VARIANCE: "wide.pow(2).mean(-1, keepdim=True) - wide.mean(-1, keepdim=True).pow(2)"
        },
        "from `wide`, not from x": {
            "centred = wide": "centred = x",
            MEAN: "x.mean(dim=-1, keepdim=True)",
        },
        "Is .to(x.dtype) forgotten?": {".to(x.dtype)": ""},
        "The tensor that hook_scale saw is edited in place afterwards": {
            "centred / scale": "centred * scale.reciprocal_()"
        },
        "is changed in place. The caller": {
            "centred = wide - wide.mean(dim=-1, keepdim=True)": "centred = wide.sub_(wide.mean(dim=-1, keepdim=True))"
        },
        "hook_scale must be called once": {SHOWN: "(variance + self.eps).sqrt()"},
        "hook_normalized must be": {"self.hook_normalized": ""},
        "disagrees with finite differences": {"variance = centred": "variance = centred.detach()"},
        "with x's own precision, the last step?": [
            {".to(x.dtype)": ".to(self.w.dtype)"},
            {".to(x.dtype)": "", "centred / scale *": "(centred / scale).to(x.dtype) *"},
        ],
        "must match the size of tensor b": {
            MEAN: "wide.mean(dim=-1)",
            VARIANCE: "centred.pow(2).mean(dim=-1)",
        },
        "it was called 2 times": {
            "centred / scale * self.w": "self.hook_normalized(centred / scale) * self.w"
        },
        "is edited in place afterwards": {
            "self.hook_normalized(centred / scale * self.w + self.b)": "self.hook_normalized(centred / scale).mul_(self.w).add_(self.b)"
        },
    },
)
RIGHT_2_4 = right_answers(
    "2.4",
    "LayerNorm.forward",
    {
        "by torch.std_mean": """
            std, mean = torch.std_mean(wide, -1, correction=0, keepdim=True)
            scale = self.hook_scale(torch.sqrt(std.square() + self.eps))
            out = torch.sub(wide, mean).div(scale).mul(self.w).add(self.b)
            return self.hook_normalized(out.to(x.dtype))
            """,
        "by torch.var and reciprocal root": """
            mean = wide.mean(-1, True)
            scale = self.hook_scale(torch.sqrt(wide.var(-1, correction=0, keepdim=True) + self.eps))
            out = torch.addcmul(self.b, (wide - mean) * scale.reciprocal(), self.w)
            return self.hook_normalized(out).type_as(x)
            """,
        "by torch.std_mean-like moments": """
            width = wide.shape[-1]
            mean = wide.sum(-1, keepdim=True) / width
            wide = wide - mean
            squares = torch.einsum("...i,...i->...", wide, wide).unsqueeze(-1) / width
            scale = self.hook_scale((squares + self.eps) ** 0.5)
            wide = wide / scale
            return self.hook_normalized(self.w * wide + self.b).to(x)
            """,
    },
)
