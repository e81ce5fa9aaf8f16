"""Answers to 3.1 and 3.2, the stream as a sum and the norm held fixed."""

from tests.grading.variants import Right, Wrong

BIAS = 'pieces[f"bias {layer}"] = block.attn.b_O.expand_as(pieces["embed"])'
HEADS = 'pieces |= {f"head {layer}.{head}": result for head, result in enumerate(results)}'
MLP = 'pieces[f"mlp {layer}"] = cache[f"blocks.{layer}.hook_mlp_out"]'
CENTRE = "values - values.mean(dim=-1, keepdim=True)"
OUT = "values / scale * gain"


def results(name: str, answer: str, says: str) -> Wrong:
    """A mistake in head_results."""
    return Wrong("3.1", name, body={"head_results": answer}, says=says)


def pieces(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in decompose."""
    return Wrong("3.1", name, {old: new}, says=says)


def frozen(name: str, answer: str, says: str) -> Wrong:
    """A mistake in apply_frozen_norm."""
    return Wrong("3.2", name, body={"apply_frozen_norm": answer}, says=says)


WRONG = [
    results(
        "transposed W_O",
        "return einsum(z, W_O.mT, 'b p h d, h d m -> h b p m')",
        "W_O is transposed",
    ),
    results(
        "head third", "return einsum(z, W_O, 'b p h d, h d m -> b p h m')", "[batch, pos, head"
    ),
    results("sum of heads", "return einsum(z, W_O, 'b p h d, h d m -> b p m')", "wrong shape or"),
    results(
        "mixed heads",
        "return einsum(z, W_O, 'b p h d, g d m -> g b p m')",
        "Every head gets the mixed values of all",
    ),
    results(
        "scaled",
        "return einsum(z, W_O, 'b p h d, h d m -> h b p m') / z.shape[-1] ** 0.5",
        "divided by the root of d_head",
    ),
    pieces("no bias", BIAS, "pass", "The bias b_O of a layer belongs to no head"),
    pieces(
        "zero bias",
        BIAS,
        'pieces[f"bias {layer}"] = torch.zeros_like(pieces["embed"])',
        "The bias b_O is forgotten",
    ),
    pieces(
        "bias with every head",
        HEADS,
        HEADS.replace(": result for", ": result + block.attn.b_O for"),
        "it is counted six times",
    ),
    pieces(
        "bias shared out",
        HEADS,
        HEADS.replace(": result for", ": result + block.attn.b_O / len(results) for"),
        "split among its heads",
    ),
    pieces(
        "value bias twice",
        BIAS,
        "carried = (block.attn.b_V[0] @ block.attn.W_O).sum(0)\n"
        "        for kv, b_V in enumerate(block.attn.b_V):\n"
        "            group = len(block.attn.W_O) // len(block.attn.b_V)\n"
        "            own = block.attn.W_O[kv * group : (kv + 1) * group]\n"
        "            carried = (b_V @ own).sum(0) if kv == 0 else carried + (b_V @ own).sum(0)\n"
        '        pieces[f"bias {layer}"] = (block.attn.b_O + carried).expand_as(pieces["embed"])',
        "The values' bias is counted twice",
    ),
    pieces("no MLPs", MLP, "pass", "What each MLP writes is a component too"),
    pieces(
        "MLP without asking",
        'if f"blocks.{layer}.hook_mlp_out" in cache:',
        "if True:",
        "A model without MLPs has no mlp_out",
    ),
    pieces(
        "MLP without its bias",
        MLP,
        MLP + " - block.mlp.b_out",
        "The MLP's own bias b_out is left out",
    ),
    pieces(
        "first W_O", "block.attn.W_O)", "model.blocks[0].attn.W_O)", "This uses another layer's W_O"
    ),
    pieces(
        "names turned round",
        'f"head {layer}.{head}"',
        'f"head {head}.{layer}"',
        "Components missing",
    ),
    pieces(
        "sorted",
        "return Components(",
        "pieces = dict(sorted(pieces.items()))\n    return Components(",
        "in the order of computation",
    ),
    frozen("norm of each", "return norm(values)", "Each component is normalised by itself"),
    frozen(
        "norm of each without bias",
        "return norm(values) - norm.affine()[1]",
        "Each component is normalised by itself, to a length of its own",
    ),
    frozen("no centring", "return values / scale * gain", "The centring is forgotten"),
    frozen("always centres", f"return ({CENTRE}) / scale * gain", "does not centre"),
    Wrong("3.2", "no gain", {OUT: "values / scale"}, says="The gain is forgotten"),
    Wrong("3.2", "times scale", {OUT: "values * scale * gain"}, says="multiplied by the scale"),
    Wrong("3.2", "no scale", {OUT: "values * gain"}, says="The scale is forgotten"),
    Wrong(
        "3.2",
        "bias with every component",
        {OUT: f"{OUT} + norm.affine()[1]"},
        says="every component",
    ),
    Wrong(
        "3.2", "over components", {CENTRE: "values - values.mean(dim=0)"}, says="over components"
    ),
    Wrong(
        "3.2",
        "over positions",
        {CENTRE: "values - values.mean(dim=-2, keepdim=True)"},
        says="over positions",
    ),
    Wrong(
        "3.2", "over everything", {CENTRE: "values - values.mean()"}, says="taken over everything"
    ),
    Wrong(
        "3.2",
        "mean of the sum",
        {CENTRE: "values - values.sum(0).mean(dim=-1, keepdim=True)"},
        says="The mean of the whole sum",
    ),
    frozen(
        "gain first",
        f"values = values * gain\nif norm.centers:\n    values = {CENTRE}\nreturn values / scale",
        "The gain comes before the centring",
    ),
    frozen(
        "in place",
        "if norm.centers:\n    values -= values.mean(dim=-1, keepdim=True)\n"
        "return values / scale * gain",
        "edited in place",
    ),
]

RIGHT = [
    Right(
        "3.1",
        "loops and matmul",
        body={
            "head_results": "return torch.stack([z[:, :, h] @ W for h, W in enumerate(W_O)])",
            "decompose": """
            names, values = list(pieces), list(pieces.values())
            for layer, block in enumerate(model.blocks):
                z = cache[f"blocks.{layer}.attn.hook_z"]
                for head in range(z.shape[2]):
                    names.append(f"head {layer}.{head}")
                    values.append(z[:, :, head] @ block.attn.W_O[head])
                names.append(f"bias {layer}")
                values.append(torch.zeros_like(values[0]) + block.attn.b_O)
                if (written := cache.get(f"blocks.{layer}.hook_mlp_out")) is not None:
                    names.append(f"mlp {layer}")
                    values.append(written)
            return Components(names, torch.stack(values))
            """,
        },
    ),
    Right("3.1", "matmul", body={"head_results": "return z.movedim(2, 0) @ W_O[:, None]"}),
    Right(
        "3.2",
        "one factor",
        body={
            "apply_frozen_norm": """
            factor = gain / scale
            centre = values.mean(-1, keepdim=True) if norm.centers else torch.zeros(())
            return values * factor - centre * factor
            """
        },
    ),
    Right(
        "3.2",
        "a matrix that centres",
        body={
            "apply_frozen_norm": """
            matrix = torch.eye(values.shape[-1], dtype=values.dtype)
            if norm.centers:
                matrix = matrix - 1 / len(matrix)
            return values @ (matrix * gain) / scale
            """
        },
    ),
]
