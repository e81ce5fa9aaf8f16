"""Mistakes in the block (2.13), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

MID = "resid_pre + attn_out"
POST = "resid_mid + mlp_out"

SEQUENTIALBLOCK_FORWARD = mistakes(
    "2.13",
    "SequentialBlock.forward",
    {
        "The MLP reads resid_pre; it reads resid_mid, with what attention wrote.": {
            "ln2(resid_mid)": "ln2(resid_pre)"
        },
        "The MLP reads attn_out; it reads the residual stream, resid_mid.": {
            "ln2(resid_mid)": "ln2(attn_out)"
        },
        "The MLP reads without its norm, ln2.": {"self.ln2(resid_mid)": "resid_mid"},
        "Attention reads without its norm, ln1.": {"self.ln1(resid_pre)": "resid_pre"},
        "ln1 is used twice; the MLP reads through ln2.": {"ln2": "ln1"},
        "ln2 is used twice; attention reads through ln1.": {"ln1": "ln2"},
        "The norms are exchanged.": {
            "self.ln1(resid_pre)": "self.ln2(resid_pre)",
            "ln2(resid_mid)": "ln1(resid_mid)",
        },
        "Attention's output replaces the residual stream; it is added to it.": {MID: "attn_out"},
        "The MLP's output replaces the residual stream; it is added to it.": {POST: "mlp_out"},
        "resid_pre is missing at the end: the MLP's output is added to resid_mid.": {
            POST: "attn_out + mlp_out"
        },
        "attn_out is missing at the end: the MLP's output is added to resid_mid.": {
            POST: "resid_pre + mlp_out"
        },
        "resid_pre is added twice.": {POST: "resid_pre + resid_mid + mlp_out"},
        "attn_out is added twice.": {POST: "resid_mid + attn_out + mlp_out"},
        "The output of ln1 is added, not the residual stream itself.": {
            "self.hook_attn_out(self.attn(self.ln1(resid_pre), past))": "self.hook_attn_out(self.attn(resid_pre := self.ln1(resid_pre), past))"
        },
        "Attention reads what hook_resid_pre received; it reads what it returned.": {
            "self.ln1(resid_pre)": "self.ln1(resid)"
        },
        "What the hook returned is lost: use what self.hook_resid_pre(...) returns.": {
            "resid_pre = self.hook_resid_pre(resid)": "self.hook_resid_pre(resid); resid_pre = resid"
        },
        "Attention reads the edit, but is added to the old residual stream.": {
            MID: "resid + attn_out"
        },
        "What the hook returned is lost: use what self.hook_attn_out(...) returns.": {
            "attn_out = self.hook_attn_out(self.attn(self.ln1(resid_pre), past))": "attn_out = self.attn(self.ln1(resid_pre), past); self.hook_attn_out(attn_out)"
        },
        "What the hook returned is lost: use what self.hook_resid_mid(...) returns.": {
            "resid_mid = self.hook_resid_mid(resid_pre + attn_out)": "self.hook_resid_mid(resid_mid := resid_pre + attn_out)"
        },
        "The MLP reads the edit, but is added to the old residual stream.": {
            POST: "resid_pre + attn_out + mlp_out"
        },
        "What the hook returned is lost: use what self.hook_mlp_out(...) returns.": {
            "mlp_out = self.hook_mlp_out(self.mlp(self.ln2(resid_mid)))": "self.hook_mlp_out(mlp_out := self.mlp(self.ln2(resid_mid)))"
        },
        "What the hook returned is lost: use what self.hook_resid_post(...) returns.": {
            "return self.hook_resid_post(resid_mid + mlp_out)": "self.hook_resid_post(out := resid_mid + mlp_out); return out"
        },
        "That is resid_mid.": {
            "self.hook_attn_out(self.attn(self.ln1(resid_pre), past))": "self.attn(self.ln1(resid_pre), past)",
            "self.hook_resid_mid(resid_pre + attn_out)": "self.hook_resid_mid(self.hook_attn_out(resid_pre + attn_out))",
        },
        "That is mlp_out.": {
            "self.hook_resid_post(resid_mid + mlp_out)": "resid_mid + self.hook_resid_post(mlp_out)"
        },
        "Is the norm applied after the addition (post-norm)?": """
            resid_pre = self.hook_resid_pre(resid)
            attn_out = self.hook_attn_out(self.attn(resid_pre, past))
            resid_mid = self.hook_resid_mid(self.ln1(resid_pre + attn_out))
            mlp_out = self.hook_mlp_out(self.mlp(resid_mid))
            return self.hook_resid_post(self.ln2(resid_mid + mlp_out))
            """,
        "Is the norm applied to the outputs, and not to the inputs?": {
            "self.attn(self.ln1(resid_pre), past)": "self.ln1(self.attn(resid_pre, past))",
            "self.mlp(self.ln2(resid_mid))": "self.ln2(self.mlp(resid_mid))",
        },
        "Is the normalised input added, and not the residual stream?": """
            resid_pre = self.hook_resid_pre(resid)
            x = self.ln1(resid_pre)
            resid_mid = self.hook_resid_mid(x + self.hook_attn_out(self.attn(x, past)))
            y = self.ln2(resid_mid)
            return self.hook_resid_post(y + self.hook_mlp_out(self.mlp(y)))
            """,
        "Is `past` not passed on?": {", past)": ")"},
        "Does hook_mlp_out receive the sum, and not the output?": {
            "mlp_out = self.hook_mlp_out(self.mlp(self.ln2(resid_mid)))": "mlp_out = self.mlp(self.ln2(resid_mid))",
            "return self.hook_resid_post(resid_mid + mlp_out)": "return self.hook_resid_post(self.hook_mlp_out(resid_mid + mlp_out))",
        },
        "Does hook_resid_pre receive the normalised input?": """
            attn_out = self.hook_attn_out(self.attn(self.hook_resid_pre(self.ln1(resid)), past))
            resid_mid = self.hook_resid_mid(resid + attn_out)
            mlp_out = self.hook_mlp_out(self.mlp(self.ln2(resid_mid)))
            return self.hook_resid_post(resid_mid + mlp_out)
            """,
        "Does hook_resid_mid receive the normalised sum?": {
            "resid_mid = self.hook_resid_mid(resid_pre + attn_out)": "resid_mid = resid_pre + attn_out",
            "mlp_out = self.hook_mlp_out(self.mlp(self.ln2(resid_mid)))": "mlp_out = self.hook_mlp_out(self.mlp(self.hook_resid_mid(self.ln2(resid_mid))))",
        },
        "Is the residual stream edited in place (+=)?": {
            "resid_mid = self.hook_resid_mid(resid_pre + attn_out)": "resid_pre += attn_out\nresid_mid = self.hook_resid_mid(resid_pre)"
        },
        "Is the residual stream edited in place at the end (+=)?": {
            "return self.hook_resid_post(resid_mid + mlp_out)": "resid_mid += mlp_out\nreturn self.hook_resid_post(resid_mid)"
        },
        "Are the hook points of attention and MLP outputs exchanged?": {
            "self.hook_attn_out": "self.hook_mlp_out",
            "self.hook_mlp_out": "self.hook_attn_out",
        },
        "Is hook_resid_mid left out?": {
            "self.hook_resid_mid(resid_pre + attn_out)": "resid_pre + attn_out"
        },
        "Is hook_resid_post left out?": {
            "self.hook_resid_post(resid_mid + mlp_out)": "resid_mid + mlp_out"
        },
        "Is hook_resid_pre left out?": {"self.hook_resid_pre(resid)": "resid"},
        "Are hook_resid_mid and hook_resid_post exchanged?": {
            "self.hook_resid_mid": "self.hook_resid_post",
            "self.hook_resid_post": "self.hook_resid_mid",
        },
        "Does the MLP come first?": """
            resid_pre = self.hook_resid_pre(resid)
            mlp_out = self.hook_mlp_out(self.mlp(self.ln2(resid_pre)))
            resid_mid = self.hook_resid_mid(resid_pre + mlp_out)
            attn_out = self.hook_attn_out(self.attn(self.ln1(resid_mid), past))
            return self.hook_resid_post(resid_mid + attn_out)
            """,
        "Is the attention output subtracted?": {"resid_pre + attn_out": "resid_pre - attn_out"},
        "Is the mean of both taken, and not the sum?": {
            "resid_mid + mlp_out": "(resid_mid + mlp_out) / 2"
        },
        "Is `past` given to the MLP as well?": {
            "self.ln2(resid_mid))": "self.ln2(resid_mid), past)"
        },
        "The MLP reads the attention output twice; resid_mid has it already.": {
            "self.ln2(resid_mid)": "self.ln2(resid_mid + attn_out)"
        },
        "hook_resid_post is called at resid_mid as well.": {
            "self.hook_resid_mid(resid_pre + attn_out)": "self.hook_resid_mid(self.hook_resid_post(resid_pre + attn_out))"
        },
    },
    unnamed={
        "must be given `past` itself": [
            {"self.ln1(resid_pre), past": "self.ln1(resid_pre)"},
            {", past)": ", past if past is not None and past.length else None)"},
        ],
        "hook_resid_mid must be called once": {
            "self.hook_resid_mid(resid_pre + attn_out)": "resid_pre + attn_out"
        },
        "Expected 3 at hook_resid_pre": {
            "resid_pre = self.hook_resid_pre(resid)": "resid_pre = resid",
            "self.ln1(resid_pre)": "self.hook_resid_pre(self.ln1(resid_pre))",
        },
        "write x + y, not x += y": [
            {MID: "resid_pre.add_(attn_out)"},
            {POST: "resid_mid.add_(mlp_out)"},
        ],
        "must reach resid": {
            "resid_pre = self.hook_resid_pre(resid)": "resid_pre = self.hook_resid_pre(resid.detach())"
        },
        "Gradients must reach every weight": {
            "self.attn(self.ln1(resid_pre), past)": "self.attn(self.ln1(resid_pre), past).detach()"
        },
        "is it detached": [
            {"self.ln1(resid_pre)": "self.ln1(resid_pre.detach())"},
            {"self.ln2(resid_mid)": "self.ln2(resid_mid.detach())"},
            {MID: "resid_pre.detach() + attn_out"},
        ],
        "takes 2 positional arguments but 3 were given": {
            "self.ln2(resid_mid))": "self.ln2(resid_mid), past)"
        },
        "it was called 0 times": {
            "self.hook_resid_post(resid_mid + mlp_out)": "resid_mid + mlp_out"
        },
        "What hook_attn_out saw was changed": {
            "self.hook_resid_mid(resid_pre + attn_out)": "self.hook_resid_mid(attn_out.add_(resid_pre))"
        },
        "Attention must be called once": {
            "ln2(resid_mid)": "ln2(resid_pre + self.attn(self.ln1(resid_pre), past))"
        },
    },
)
RIGHT_2_13 = right_answers(
    "2.13",
    "SequentialBlock.forward",
    {
        "one name for the residual stream": """
            resid = self.hook_resid_pre(resid)
            resid = self.hook_resid_mid(resid + self.hook_attn_out(self.attn(self.ln1(resid), past=past)))
            resid = resid + self.hook_mlp_out(self.mlp(self.ln2(resid)))
            resid = self.hook_resid_post(resid)
            return resid
            """,
        "sums in the other order": """
            x = self.hook_resid_pre(resid)
            normed = self.ln1(x)
            mid = self.hook_resid_mid(torch.add(self.hook_attn_out(self.attn(normed, past)), x))
            out = self.mlp(self.ln2(mid))
            return self.hook_resid_post(self.hook_mlp_out(out) + mid)
            """,
        "a loop over the two parts, in place on a copy": """
            x = self.hook_resid_pre(resid)
            for norm, part, out, after in [
                (self.ln1, lambda y: self.attn(y, past), self.hook_attn_out, self.hook_resid_mid),
                (self.ln2, self.mlp, self.hook_mlp_out, self.hook_resid_post),
            ]:
                total = x.clone()
                total += out(part(norm(x)))
                x = after(total)
            return x
            """,
    },
)
