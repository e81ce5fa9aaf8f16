"""Answers to 2.4, LayerNorm."""

from tests.grading.variants import Right, Wrong

LAYER = "LayerNorm.forward"
MEAN, SQUARES = "wide.mean(dim=-1, keepdim=True)", "centred.pow(2).mean(dim=-1, keepdim=True)"
ROOT = "(variance + self.eps).sqrt()"
END = "self.hook_normalized(centred / scale * self.w + self.b)"

WRONG = [
    Wrong(
        "2.4",
        "unbiased variance",
        {SQUARES: "wide.var(dim=-1, keepdim=True)"},
        says="Is it divided by d_model - 1",
    ),
    Wrong("2.4", "eps outside", {ROOT: "variance.sqrt() + self.eps"}, says="outside the root"),
    Wrong(
        "2.4",
        "eps of its own",
        {ROOT: "(variance + 1e-5).sqrt()"},
        says="Is eps 1e-05 written into the code?",
    ),
    Wrong("2.4", "no eps", {ROOT: "variance.sqrt()"}, says="Is eps forgotten?"),
    Wrong("2.4", "no root", {ROOT: "(variance + self.eps)"}, says="Is the square root missing?"),
    Wrong("2.4", "no gain", {" * self.w": ""}, says="Is the gain w forgotten?"),
    Wrong("2.4", "no bias", {" + self.b": ""}, says="Is the bias b forgotten?"),
    Wrong(
        "2.4",
        "bias before gain",
        {"centred / scale * self.w + self.b": "(centred / scale + self.b) * self.w"},
        says="Is the bias added before the gain",
    ),
    Wrong(
        "2.4",
        "gain first",
        {
            " * self.w": "",
            MEAN: f"{MEAN}\n        wide = wide * self.w\n        centred = wide - {MEAN}",
        },
        says="Does the gain come before the normalising?",
    ),
    Wrong(
        "2.4",
        "over positions",
        {MEAN: MEAN.replace("-1", "-2"), SQUARES: SQUARES.replace("-1", "-2")},
        says="so that tokens see each other",
    ),
    Wrong(
        "2.4",
        "over everything",
        {MEAN: "wide.mean()", SQUARES: "centred.pow(2).mean()"},
        says="so that tokens see each other",
    ),
    Wrong(
        "2.4",
        "RMSNorm",
        {f"centred = wide - {MEAN}": "centred = wide"},
        says="Is the mean never taken away",
    ),
    Wrong(
        "2.4",
        "centred in the variance only",
        {"centred / scale": "wide / scale"},
        says="Is the mean taken away in the variance only?",
    ),
    Wrong(
        "2.4",
        "squares of x",
        {SQUARES: SQUARES.replace("centred", "wide")},
        says="Are the squares taken of x itself",
    ),
    Wrong(
        "2.4",
        "x instead of wide",
        {"centred = wide": "centred = x", MEAN: MEAN.replace("wide", "x")},
        says="from `wide`, not from x",
    ),
    Wrong("2.4", "precision not returned", {".to(x.dtype)": ""}, says="Is .to(x.dtype) forgotten?"),
    Wrong(
        "2.4",
        "lowered to float32",
        {"centred = wide": "wide = wide.float()\n        centred = wide"},
        says="is something computed in lower precision?",
    ),
    Wrong(
        "2.4",
        "divisor inverted in place",
        {"centred / scale": "centred * scale.reciprocal_()"},
        says="The tensor that hook_scale saw is edited in place afterwards",
    ),
    Wrong(
        "2.4",
        "in place",
        {f"centred = wide - {MEAN}": f"centred = wide.sub_({MEAN})"},
        says="must not edit x in place",
    ),
    Wrong(
        "2.4",
        "hook_scale sees the variance",
        {f"self.hook_scale({ROOT})": "self.hook_scale(variance + self.eps).sqrt()"},
        says="Is the square root missing?",
    ),
    Wrong(
        "2.4",
        "hook_scale sees the inverse",
        {f"self.hook_scale({ROOT})": f"1 / self.hook_scale(1 / {ROOT})"},
        says="Does the hook see 1 / divisor?",
    ),
    Wrong(
        "2.4",
        "no hook_scale",
        {f"self.hook_scale({ROOT})": ROOT},
        says="hook_scale must be called once",
    ),
    Wrong(
        "2.4",
        "hook_scale ignored",
        {f"scale = self.hook_scale({ROOT})": f"scale = {ROOT}\n        self.hook_scale(scale)"},
        says="Is what self.hook_scale returns ignored?",
    ),
    Wrong(
        "2.4",
        "hook_normalized before the gain",
        {END: "(self.hook_normalized(centred / scale) * self.w + self.b)"},
        says="That is before gain and bias, as in RMSNorm.",
    ),
    Wrong(
        "2.4",
        "hook_normalized ignored",
        {
            f"return {END}": f"out = centred / scale * self.w + self.b\n"
            f"        {END}\n        return out"
        },
        says="Is what self.hook_normalized returns ignored?",
    ),
    Wrong(
        "2.4", "no hook_normalized", {"self.hook_normalized": ""}, says="hook_normalized must be"
    ),
    Wrong(
        "2.4",
        "no gradient through the divisor",
        {"variance = centred": "variance = centred.detach()"},
        says="disagrees with finite differences",
    ),
]

WRONG += [
    Wrong(
        "2.4",
        "in the gain's precision",
        {".to(x.dtype)": ".to(self.w.dtype)"},
        says="with x's own precision, the last thing that happens?",
    ),
    Wrong(
        "2.4",
        "lowered before the gain",
        {".to(x.dtype)": "", "centred / scale *": "(centred / scale).to(x.dtype) *"},
        says="with x's own precision, the last thing that happens?",
    ),
    Wrong(
        "2.4", "eps as a floor", {"variance + self.eps": "variance.clamp(min=self.eps)"}, says="eps"
    ),
    Wrong(
        "2.4",
        "no axis kept",
        {MEAN: "wide.mean(dim=-1)", SQUARES: "centred.pow(2).mean(dim=-1)"},
        says="must match the size of tensor b",
    ),
    Wrong(
        "2.4",
        "hook_normalized twice",
        {"centred / scale * self.w": "self.hook_normalized(centred / scale) * self.w"},
        says="it was called 2 times",
    ),
    Wrong(
        "2.4",
        "gain in place after the hook",
        {END: "self.hook_normalized(centred / scale).mul_(self.w).add_(self.b)"},
        says="is edited in place afterwards",
    ),
]

RIGHT = [
    Right(
        "2.4",
        "by torch.std_mean",
        body={
            LAYER: """
            std, mean = torch.std_mean(wide, -1, correction=0, keepdim=True)
            scale = self.hook_scale(torch.sqrt(std.square() + self.eps))
            out = torch.sub(wide, mean).div(scale).mul(self.w).add(self.b)
            return self.hook_normalized(out.to(x.dtype))
            """
        },
    ),
    Right(
        "2.4",
        "by torch.var and reciprocal root",
        body={
            LAYER: """
            mean = wide.mean(-1, True)
            scale = self.hook_scale(torch.sqrt(wide.var(-1, correction=0, keepdim=True) + self.eps))
            out = torch.addcmul(self.b, (wide - mean) * scale.reciprocal(), self.w)
            return self.hook_normalized(out).type_as(x)
            """
        },
    ),
    Right(
        "2.4",
        "by torch.std_mean-like moments",
        body={
            LAYER: """
            width = wide.shape[-1]
            mean = wide.sum(-1, keepdim=True) / width
            wide = wide - mean
            squares = torch.einsum("...i,...i->...", wide, wide).unsqueeze(-1) / width
            scale = self.hook_scale((squares + self.eps) ** 0.5)
            wide = wide / scale
            return self.hook_normalized(self.w * wide + self.b).to(x)
            """
        },
    ),
]
