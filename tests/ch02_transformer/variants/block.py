"""Variants of the block (2.13)."""

from tests.grading.variants import Right, Wrong

PRE = "resid_pre = self.hook_resid_pre(resid)"
ATTN = "self.hook_attn_out(self.attn(self.ln1(resid_pre), past))"
MID = "self.hook_resid_mid(resid_pre + attn_out)"
MLP = "self.hook_mlp_out(self.mlp(self.ln2(resid_mid)))"
POST = "self.hook_resid_post(resid_mid + mlp_out)"

BLOCK = {
    "the MLP reads resid_pre": ({"ln2(resid_mid)": "ln2(resid_pre)"}, "The MLP reads resid_pre"),
    "the MLP reads attn_out": ({"ln2(resid_mid)": "ln2(attn_out)"}, "The MLP reads attn_out"),
    "the MLP reads without its norm": (
        {"self.ln2(resid_mid)": "resid_mid"},
        "without its norm, ln2",
    ),
    "attention reads without its norm": (
        {"self.ln1(resid_pre)": "resid_pre"},
        "without its norm, ln1",
    ),
    "ln1 twice": ({"ln2": "ln1"}, "ln1 is used twice"),
    "ln2 twice": ({"ln1": "ln2"}, "ln2 is used twice"),
    "the norms are exchanged": (
        {"self.ln1(resid_pre)": "self.ln2(resid_pre)", "ln2(resid_mid)": "ln1(resid_mid)"},
        "norms are exchanged",
    ),
    "past is dropped": (
        {"self.ln1(resid_pre), past": "self.ln1(resid_pre)"},
        "must be given `past` itself",
    ),
    "attention replaces the stream": ({"resid_pre + attn_out": "attn_out"}, "replaces the stream"),
    "the MLP replaces the stream": ({"resid_mid + mlp_out": "mlp_out"}, "replaces the stream"),
    "resid_pre missing at the end": (
        {"resid_mid + mlp_out": "attn_out + mlp_out"},
        "resid_pre is missing at the end",
    ),
    "attn_out missing at the end": (
        {"resid_mid + mlp_out": "resid_pre + mlp_out"},
        "attn_out is missing at the end",
    ),
    "resid_pre twice": (
        {"resid_mid + mlp_out": "resid_pre + resid_mid + mlp_out"},
        "resid_pre is added twice",
    ),
    "attn_out twice": (
        {"resid_mid + mlp_out": "resid_mid + attn_out + mlp_out"},
        "attn_out is added twice",
    ),
    "the stream is replaced by its norm": (
        {ATTN: "self.hook_attn_out(self.attn(resid_pre := self.ln1(resid_pre), past))"},
        "What ln1 gives is added",
    ),
    "hook_resid_pre's answer lost": (
        {PRE: "self.hook_resid_pre(resid); resid_pre = resid"},
        "use what self.hook_resid_pre(...) returns",
    ),
    "the sum starts before hook_resid_pre": (
        {"resid_pre + attn_out": "resid + attn_out"},
        "is added to the old stream",
    ),
    "hook_attn_out's answer lost": (
        {
            f"attn_out = {ATTN}": "attn_out = self.attn(self.ln1(resid_pre), past); "
            "self.hook_attn_out(attn_out)"
        },
        "use what self.hook_attn_out(...) returns",
    ),
    "hook_resid_mid's answer lost": (
        {f"resid_mid = {MID}": "self.hook_resid_mid(resid_mid := resid_pre + attn_out)"},
        "use what self.hook_resid_mid(...) returns",
    ),
    "the MLP is added to the stream before hook_resid_mid": (
        {"resid_mid + mlp_out": "resid_pre + attn_out + mlp_out"},
        "is added to the old stream",
    ),
    "hook_mlp_out's answer lost": (
        {f"mlp_out = {MLP}": "self.hook_mlp_out(mlp_out := self.mlp(self.ln2(resid_mid)))"},
        "use what self.hook_mlp_out(...) returns",
    ),
    "hook_resid_post's answer lost": (
        {f"return {POST}": "self.hook_resid_post(out := resid_mid + mlp_out); return out"},
        "use what self.hook_resid_post(...) returns",
    ),
    "hook_resid_mid skipped": ({MID: "resid_pre + attn_out"}, "hook_resid_mid must be called once"),
    "hook_attn_out sees the stream": (
        {
            ATTN: "self.attn(self.ln1(resid_pre), past)",
            MID: "self.hook_resid_mid(self.hook_attn_out(resid_pre + attn_out))",
        },
        "That is resid_mid",
    ),
    "hook_resid_post sees mlp_out": (
        {POST: "resid_mid + self.hook_resid_post(mlp_out)"},
        "That is mlp_out",
    ),
    "hook_resid_pre after ln1": (
        {
            PRE: "resid_pre = resid",
            "self.ln1(resid_pre)": "self.hook_resid_pre(self.ln1(resid_pre))",
        },
        "hook_resid_pre must see 3",
    ),
    "stream changed in place": (
        {"resid_pre + attn_out": "resid_pre.add_(attn_out)"},
        "write x + y, not x += y",
    ),
    "resid_mid changed in place": (
        {"resid_mid + mlp_out": "resid_mid.add_(mlp_out)"},
        "write x + y, not x += y",
    ),
    "no gradient to the stream": (
        {PRE: "resid_pre = self.hook_resid_pre(resid.detach())"},
        "must reach the stream that comes in",
    ),
    "no gradient through attention": (
        {"self.attn(self.ln1(resid_pre), past)": "self.attn(self.ln1(resid_pre), past).detach()"},
        "Gradients must reach every weight",
    ),
    "attention reads a detached stream": (
        {"self.ln1(resid_pre)": "self.ln1(resid_pre.detach())"},
        "is the stream detached",
    ),
    "the MLP reads a detached stream": (
        {"self.ln2(resid_mid)": "self.ln2(resid_mid.detach())"},
        "is the stream detached",
    ),
    "the stream is detached": (
        {"resid_pre + attn_out": "resid_pre.detach() + attn_out"},
        "is the stream detached",
    ),
    "past is given to the MLP too": (
        {"self.ln2(resid_mid))": "self.ln2(resid_mid), past)"},
        "too many positional arguments",
    ),
    "an empty past is dropped": (
        {", past)": ", past if past is not None and past.length else None)"},
        "must be given `past` itself",
    ),
    "hook_resid_post forgotten": ({POST: "resid_mid + mlp_out"}, "it was called 0 times"),
    "attn_out changed in place": (
        {MID: "self.hook_resid_mid(attn_out.add_(resid_pre))"},
        "What hook_attn_out showed was changed",
    ),
    "attention called twice": (
        {"ln2(resid_mid)": "ln2(resid_pre + self.attn(self.ln1(resid_pre), past))"},
        "Attention must be called once",
    ),
}

WRONG = [Wrong("2.13", name, old, says=says) for name, (old, says) in BLOCK.items()]

RIGHT = [
    Right(
        "2.13",
        "one name for the stream",
        body={
            "SequentialBlock.forward": """
resid = self.hook_resid_pre(resid)
resid = self.hook_resid_mid(resid + self.hook_attn_out(self.attn(self.ln1(resid), past=past)))
resid = resid + self.hook_mlp_out(self.mlp(self.ln2(resid)))
resid = self.hook_resid_post(resid)
return resid
"""
        },
    ),
    Right(
        "2.13",
        "sums the other way round",
        body={
            "SequentialBlock.forward": """
x = self.hook_resid_pre(resid)
normed = self.ln1(x)
mid = self.hook_resid_mid(torch.add(self.hook_attn_out(self.attn(normed, past)), x))
said = self.mlp(self.ln2(mid))
return self.hook_resid_post(self.hook_mlp_out(said) + mid)
"""
        },
    ),
    Right(
        "2.13",
        "a loop over the two parts, in place on a copy",
        body={
            "SequentialBlock.forward": """
x = self.hook_resid_pre(resid)
for norm, part, out, after in [
    (self.ln1, lambda y: self.attn(y, past), self.hook_attn_out, self.hook_resid_mid),
    (self.ln2, self.mlp, self.hook_mlp_out, self.hook_resid_post),
]:
    total = x.clone()
    total += out(part(norm(x)))
    x = after(total)
return x
"""
        },
    ),
]
