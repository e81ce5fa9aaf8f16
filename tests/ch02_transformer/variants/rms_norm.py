"""Answers to 2.5, RMSNorm."""

from tests.grading.variants import Right, Wrong

RMS = "RMSNorm.forward"
SQUARES = "wide.pow(2).mean(dim=-1, keepdim=True)"
ROOT = f"({SQUARES} + self.eps).sqrt()"
END = "(self.hook_normalized(wide / scale) * self.w)"

WRONG = [
    Wrong(
        "2.5",
        "centred",
        {"(wide / scale)": "((wide - wide.mean(-1, keepdim=True)) / scale)"},
        says="Is the mean taken away?",
    ),
    Wrong(
        "2.5",
        "LayerNorm",
        {"scale = ": "wide = wide - wide.mean(-1, keepdim=True)\n        scale = "},
        says="Is this LayerNorm?",
    ),
    Wrong("2.5", "sum", {".mean(": ".sum("}, says="Is it the sum of squares"),
    Wrong(
        "2.5",
        "eps outside",
        {" + self.eps).sqrt()": ").sqrt() + self.eps"},
        says="outside the root",
    ),
    Wrong("2.5", "no eps", {" + self.eps": ""}, says="Is eps forgotten?"),
    Wrong("2.5", "eps squared", {" + self.eps": " + self.eps**2"}, says="Is eps squared?"),
    Wrong("2.5", "no root", {".sqrt()": ""}, says="Is the square root missing?"),
    Wrong(
        "2.5",
        "absolute values",
        {ROOT: "wide.abs().mean(dim=-1, keepdim=True)"},
        says="Is it the mean of absolute values",
    ),
    Wrong(
        "2.5",
        "variance",
        {SQUARES: "wide.var(dim=-1, keepdim=True, correction=0)"},
        says="Is it the variance?",
    ),
    Wrong("2.5", "no gain", {" * self.w": ""}, says="Is the gain w forgotten?"),
    Wrong("2.5", "gain 1 + w", {" * self.w": " * (1 + self.w)"}, says="Is the gain 1 + w?"),
    Wrong(
        "2.5",
        "gain first",
        {" * self.w": "", "scale = ": "wide = wide * self.w\n        scale = "},
        says="Does the gain come before the normalising?",
    ),
    Wrong("2.5", "over positions", {"dim=-1": "dim=-2"}, says="so that tokens see each other"),
    Wrong(
        "2.5",
        "over everything",
        {"mean(dim=-1, keepdim=True)": "mean()"},
        says="so that tokens see each other",
    ),
    Wrong("2.5", "x instead of wide", {"wide.pow": "x.pow"}, says="from `wide`, not from x"),
    Wrong("2.5", "precision not returned", {".to(x.dtype)": ""}, says="Is .to(x.dtype) forgotten?"),
    Wrong(
        "2.5",
        "lowered",
        {"scale = ": "wide = wide.float()\n        scale = "},
        says="is something computed in lower precision?",
    ),
    Wrong(
        "2.5",
        "in place after the hook",
        {" * self.w)": ".mul_(self.w))"},
        says="is edited in place afterwards",
    ),
    Wrong("2.5", "in place", {"wide / scale": "wide.div_(scale)"}, says="must not edit x in place"),
    Wrong(
        "2.5",
        "hook_normalized after the gain",
        {END: "self.hook_normalized(wide / scale * self.w)"},
        says="That is after the gain, as in LayerNorm.",
    ),
    Wrong(
        "2.5",
        "hook_normalized ignored",
        {f"return {END}": f"{END}\n        return (wide / scale * self.w)"},
        says="Is what self.hook_normalized returns ignored?",
    ),
    Wrong(
        "2.5",
        "hook_scale ignored",
        {f"scale = self.hook_scale({ROOT})": f"scale = {ROOT}\n        self.hook_scale(scale)"},
        says="Is what self.hook_scale returns ignored?",
    ),
    Wrong(
        "2.5",
        "hook_scale sees the mean of squares",
        {f"self.hook_scale({ROOT})": f"self.hook_scale({SQUARES} + self.eps).sqrt()"},
        says="Is the square root missing?",
    ),
    Wrong(
        "2.5",
        "hook_scale without eps",
        {f"self.hook_scale({ROOT})": f"(self.hook_scale({SQUARES}.sqrt()) ** 2 + self.eps).sqrt()"},
        says="Is eps forgotten?",
    ),
    Wrong("2.5", "no hook_scale", {"self.hook_scale": ""}, says="hook_scale must be called once"),
]

WRONG += [
    Wrong(
        "2.5",
        "in the gain's precision",
        {".to(x.dtype)": ".to(self.w.dtype)"},
        says="with x's own precision, the last thing that happens?",
    ),
    Wrong(
        "2.5",
        "lowered before the gain, as in Hugging Face's Llama",
        {END + ".to(x.dtype)": "self.hook_normalized(wide / scale).to(x.dtype) * self.w"},
        says="with x's own precision, the last thing that happens?",
    ),
    Wrong(
        "2.5",
        "rms_norm of torch beside the hook",
        {
            "wide / scale": "torch.nn.functional.rms_norm(wide, wide.shape[-1:], None, self.eps)",
        },
        says="Is what self.hook_scale returns ignored?",
    ),
    Wrong("2.5", "multiplied", {"wide / scale": "wide * scale"}, says="divisor sqrt(25 + 11) = 6"),
    Wrong(
        "2.5",
        "no gradient through the divisor",
        {"wide.pow": "wide.detach().pow"},
        says="disagrees with finite differences",
    ),
]

RIGHT = [
    Right(
        "2.5",
        "vector by vector",
        body={
            RMS: """
            rows = wide.reshape(-1, wide.shape[-1])
            squares = torch.stack([row @ row / len(row) for row in rows])
            scale = self.hook_scale(torch.sqrt(squares.reshape(*wide.shape[:-1], 1) + self.eps))
            return torch.mul(self.hook_normalized(wide.div(scale)), self.w).type_as(x)
            """
        },
    ),
    Right(
        "2.5",
        "by the vector's length",
        body={
            RMS: """
            length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
            scale = self.hook_scale((length**2 / wide.shape[-1] + self.eps).sqrt())
            normalized = self.hook_normalized(wide * (1 / scale))
            return (self.w * normalized).to(x.dtype)
            """
        },
    ),
    Right(
        "2.5",
        "by einsum",
        {SQUARES: "(torch.einsum('...i,...i->...', wide, wide) / self.w.numel())[..., None]"},
    ),
]
