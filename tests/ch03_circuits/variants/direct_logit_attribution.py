"""Answers to 3.3 and 3.4, shares of a logit and of single heads."""

from tests.grading.variants import Right, Wrong

NORMED = 'apply_frozen_norm(components.values, model.ln_final, cache["ln_final.hook_scale"])'
REST = "torch.stack([direction @ norm_bias, bias])"


def contributions(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in attribute."""
    return Wrong("3.3", name, {old: new}, says=says)


def heads(name: str, answer: str, says: str) -> Wrong:
    """A mistake in head_logit_contributions."""
    return Wrong("3.4", name, body={"head_logit_contributions": answer}, says=says)


WRONG = [
    contributions("no norm", NORMED, "components.values", "The final norm is left out"),
    contributions(
        "norm of each",
        NORMED,
        "model.ln_final(components.values)",
        "Each component is normalised by",
    ),
    contributions(
        "norm bias in each", NORMED, NORMED + " + norm_bias", "The norm's bias is given to every"
    ),
    contributions(
        "no gain", NORMED, NORMED + " / model.ln_final.affine()[0]", "The norm's gain is forgot"
    ),
    contributions(
        "no scale", NORMED, NORMED + ' * cache["ln_final.hook_scale"]', "The scale is forgotten"
    ),
    contributions(
        "no norm bias",
        REST,
        "torch.stack([torch.zeros_like(bias), bias])",
        "The norm's bias is forgotten",
    ),
    contributions(
        "no b_U",
        REST,
        "torch.stack([direction @ norm_bias, torch.zeros_like(bias)])",
        "bias b_U is forgotten",
    ),
    contributions(
        "b_U of the token alone",
        "bias = b_U[token] if against is None else b_U[token] - b_U[against]",
        "bias = b_U[token]",
        "b_U of the token alone",
    ),
    contributions(
        "last two exchanged",
        REST,
        "torch.stack([bias, direction @ norm_bias])",
        "The last two are exchanged",
    ),
    contributions(
        "no last two",
        'names = [*components.names, "norm bias", "unembed bias"]\n'
        "    return Attribution(names, torch.cat([contributions, rest]))",
        "return Attribution(components.names, contributions)",
        "with `norm bias` and `unembed bias` last",
    ),
    contributions(
        "ignores against",
        "normed = apply_frozen",
        "direction, against = logit_direction(model, token), None\n    normed = apply_frozen",
        "`against` is left out",
    ),
    heads(
        "writes out",
        "results = einsum(z, W_O, 'b p h d, h d m -> b p h m')\n"
        "return einsum(results, direction, 'b p h m, b p m -> b p h')",
        "Read the direction back through W_O first",
    ),
    heads(
        "three in one einsum",
        "return einsum(z, W_O, direction, 'b p h d, h d m, b p m -> b p h')",
        "Read the direction back through W_O first",
    ),
    heads(
        "transposed",
        "W_O = W_O.mT if W_O.shape[1] == W_O.shape[2] else W_O\n"
        "return (z * einsum(direction, W_O, 'b p m, h d m -> b p h d')).sum(-1)",
        "W_O is transposed",
    ),
    heads(
        "mean",
        "return (z * einsum(direction, W_O, 'b p m, h d m -> b p h d')).mean(-1)",
        "The mean over d_head",
    ),
    heads(
        "unit direction",
        "direction = direction / direction.norm(dim=-1, keepdim=True)\n"
        "return (z * einsum(direction, W_O, 'b p m, h d m -> b p h d')).sum(-1)",
        "scaled to length 1",
    ),
    heads(
        "not a dot product",
        "return z.sum(-1) * einsum(direction, W_O, 'b p m, h d m -> b p h')",
        "not summed as a dot product",
    ),
    heads(
        "head shared out",
        "own = (z * einsum(direction, W_O, 'b p m, h d m -> b p h d')).sum(-1)\n"
        "return own.sum(-1, keepdim=True).expand_as(own)",
        "All heads share one number",
    ),
    heads("result", "return einsum(z, W_O, 'b p h d, h d m -> b p h m')", "wrong shape or type"),
]

RIGHT = [
    Right(
        "3.3",
        "one component at a time",
        body={
            "direct_logit_attribution": """
            scale = cache["ln_final.hook_scale"]
            rows = [(apply_frozen_norm(v[None], model.ln_final, scale)[0] * direction).sum(-1)
                    for v in components.values]
            last = b_U[token]
            if against is not None:
                last = last - b_U[against]
            rows += [(norm_bias * direction).sum(-1), last]
            return Attribution(components.names + ["norm bias", "unembed bias"], torch.stack(rows))
            """
        },
    ),
    Right(
        "3.4",
        "by heads",
        body={
            "head_logit_contributions": """
            columns = [(z[:, :, h] * (direction @ W.T)).sum(-1) for h, W in enumerate(W_O)]
            return torch.stack(columns, dim=-1)
            """
        },
    ),
    Right(
        "3.4",
        "one einsum in the other order",
        body={
            "head_logit_contributions": "return einsum(direction, W_O, z, 'b p m, h d m, b p h d -> b p h')"
        },
    ),
]
