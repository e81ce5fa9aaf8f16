"""Mistakes in 3.1 to 3.4, components and contributions, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

OUT = "return einsum(z, W_O, 'b p h d, h d m -> {}')"
BIAS = 'pieces[f"bias {layer}"] = block.attn.b_O.expand_as(pieces["embed"])'
RESULTS = mistakes(
    "3.1",
    "head_results",
    {
        "Is W_O transposed? Its axes are [head, d_head, d_model].": (
            OUT.format("h b p m").replace("W_O", "W_O.mT")
        ),
        "The axes are [batch, pos, head, d_model]. Head comes first.": OUT.format("b p h m"),
        "Are the heads added up? Each head is a component of its own.": OUT.format("b p m"),
        "Does every head get the sum of all heads' z? Head h of z goes with head h of W_O.": (
            "return einsum(z, W_O, 'b p h d, g d m -> g b p m')"
        ),
        "Is it divided by sqrt(d_head)? Only attention scores are.": (
            OUT.format("h b p m") + " / z.shape[-1] ** 0.5"
        ),
    },
)
COMPONENTS = mistakes(
    "3.1",
    "decompose",
    {
        "Is the output bias b_O missing? It is a component of its own, one per layer.": {
            BIAS: "pass"
        },
        "The bias of each layer is zero. It is the layer's b_O.": {
            "block.attn.b_O.expand_as": "torch.zeros_like"
        },
        "Is the bias b_O added to every head? It belongs to none of them.": {
            "result for": "result + block.attn.b_O for"
        },
        "Is the bias b_O divided among the heads? It belongs to none of them.": {
            "result for": "result + block.attn.b_O / len(results) for"
        },
        "Is b_O moved from the entry of the bias to the heads? It belongs to none of them.": {
            "result for": "result + block.attn.b_O / len(results) for",
            "block.attn.b_O.expand_as": "torch.zeros_like",
        },
        "Is the bias of the values counted twice? z contains b_V already.": {
            "block.attn.b_O.expand_as": """(block.attn.b_O + einsum(
        block.attn.b_V, block.attn.W_O.unflatten(0, (len(block.attn.b_V), -1)),
        'kv d, kv group d m -> m')).expand_as"""
        },
        "Are the MLPs missing? The output of each MLP is a component.": {" in cache:": " in ():"},
        "Does it read hook_mlp_out of a model without MLPs?": {
            'if f"blocks.{layer}.hook_mlp_out" in cache:': "if True:"
        },
        "Is the MLP's own bias b_out left out? hook_mlp_out includes it.": {
            '= cache[f"blocks.{layer}.hook_mlp_out"]': (
                '= cache[f"blocks.{layer}.hook_mlp_out"] - block.mlp.b_out'
            )
        },
        "Do all layers use the first one's W_O?": {"block.attn.W_O)": "model.blocks[0].attn.W_O)"},
        "Are layer and head exchanged in the names?": {
            "head {layer}.{head}": "head {head}.{layer}"
        },
        "Are the components sorted by name? Keep the order of computation.": {
            "return Components(": "pieces = dict(sorted(pieces.items()))\nreturn Components("
        },
    },
)
MEAN = "values.mean(dim=-1, keepdim=True)"
FROZEN = mistakes(
    "3.2",
    "apply_frozen_norm",
    {
        "Is each component normalized by its own scale? Divide by the given `scale`.": (
            "return norm(values)"
        ),
        "Is each component normalized by its own scale, without the bias? Use `scale`.": (
            "return norm(values) - norm.affine()[1]"
        ),
        "Is the centering missing? A norm with `centers` subtracts the mean.": {
            "norm.centers": "False"
        },
        "Is the mean subtracted for every norm? Only norms with `centers` do so.": {
            "norm.centers": "True"
        },
        "Is the gain missing?": {" * gain": ""},
        "Is it multiplied by the scale? A norm divides by it.": {
            "values / scale": "values * scale"
        },
        "Is the scale missing?": {"values / scale": "values"},
        "Is the norm's bias added to every component? It belongs to none of them.": {
            "scale * gain": "scale * gain + norm.affine()[1]"
        },
        "Is the norm's bias divided among the components? It belongs to none of them.": {
            "scale * gain": "scale * gain + norm.affine()[1] / len(values)"
        },
        "Is the norm's bias added to the first component? It belongs to none of them.": {
            "return values / scale * gain": "values = values / scale * gain\n"
            "first = values[:1] + norm.affine()[1]\nreturn torch.cat([first, values[1:]])"
        },
        "Is the mean taken over components? It is a mean over d_model.": {
            MEAN: "values.mean(dim=0)"
        },
        "Is the mean taken over positions? It is a mean over d_model.": {
            MEAN: "values.mean(dim=-2, keepdim=True)"
        },
        "Is the mean taken over everything? It is a mean over d_model.": {MEAN: "values.mean()"},
        "Is the mean of the sum subtracted from every component? Each has its own mean.": {
            MEAN: "values.sum(0).mean(dim=-1, keepdim=True)"
        },
        "Is the gain applied before the centering?": {
            "if norm.centers": "values = values * gain\nif norm.centers",
            " / scale * gain": " / scale",
        },
        "Is `values` changed in place? The caller still uses it.": {
            "values = values - ": "values -= "
        },
    },
)
NORMED = 'apply_frozen_norm(components.values, model.ln_final, cache["ln_final.hook_scale"])'
ATTRIBUTION = mistakes(
    "3.3",
    "direct_logit_attribution",
    {
        "Is the final norm missing? The direction is read after it.": {NORMED: "components.values"},
        "Is each component normalized by its own scale? Hold the scale of this pass fixed.": {
            NORMED: "model.ln_final(components.values)"
        },
        "Is the norm's bias given to every component? It is an entry of its own.": {
            NORMED: NORMED + " + norm_bias"
        },
        "Is the norm's gain missing?": {NORMED: NORMED + " / model.ln_final.affine()[0]"},
        "Is the scale missing?": {NORMED: NORMED + ' * cache["ln_final.hook_scale"]'},
        "Is the entry of the norm's bias zero?": {
            "direction @ norm_bias": "torch.zeros_like(bias)"
        },
        "Is the entry of the unembedding's bias zero?": {
            "norm_bias, bias": "norm_bias, torch.zeros_like(bias)"
        },
        "Is b_U of `against` not subtracted?": {
            " if against is None else b_U[token] - b_U[against]": ""
        },
        "Are the last two entries exchanged? First the norm's bias, then b_U.": [
            {"[direction @ norm_bias, bias]": "[bias, direction @ norm_bias]"},
            {'"norm bias", "unembed bias"': '"unembed bias", "norm bias"'},
        ],
        "Are the entries of the two biases missing?": {
            '[*components.names, "norm bias", "unembed bias"]': "components.names",
            "torch.cat([contributions, rest])": "contributions",
        },
        "Is `against` ignored? With it, the difference of two logits is attributed.": {
            "normed = apply": """direction, against = logit_direction(model, token), None
normed = apply"""
        },
    },
)
READ = "einsum(direction, W_O, 'b p m, h d m -> b p h d')"
HEADS = mistakes(
    "3.4",
    "head_logit_contributions",
    {
        "Is W_O transposed? Its axes are [head, d_head, d_model].": f"""
            W_O = W_O.mT if W_O.shape[1] == W_O.shape[2] else W_O
            return (z * {READ}).sum(-1)
            """,
        "Is it a mean over d_head? A dot product is a sum.": f"return (z * {READ}).mean(-1)",
        "Do all positions use the direction of the last one? Each has its own.": f"""
            direction = direction[:, -1:].expand_as(direction)
            return (z * {READ}).sum(-1)
            """,
        "Do all positions use the direction of the first one? Each has its own.": f"""
            direction = direction[:, :1].expand_as(direction)
            return (z * {READ}).sum(-1)
            """,
        "Do all texts use the direction of the first one? Each has its own.": f"""
            direction = direction[:1].expand_as(direction)
            return (z * {READ}).sum(-1)
            """,
        "Is the direction scaled to length 1? Use it as it is.": f"""
            direction = direction / direction.norm(dim=-1, keepdim=True)
            return (z * {READ}).sum(-1)
            """,
        "Are both factors summed over d_head before they are multiplied?": (
            "return z.sum(-1) * einsum(direction, W_O, 'b p m, h d m -> b p h')"
        ),
        "Do all heads share one number? Each has its own.": f"""
            own = (z * {READ}).sum(-1)
            return own.sum(-1, keepdim=True).expand_as(own)
            """,
        "These are the heads' outputs. Take their dot product with the direction.": (
            "return einsum(z, W_O, 'b p h d, h d m -> b p h m')"
        ),
    },
    unnamed={
        "Project the direction back through W_O first": [
            """
            results = einsum(z, W_O, 'b p h d, h d m -> b p h m')
            return einsum(results, direction, 'b p h m, b p m -> b p h')
            """,
            "return einsum(z, W_O, direction, 'b p h d, h d m, b p m -> b p h')",
        ],
    },
)
RIGHT = [
    *right_answers(
        "3.1",
        "head_results",
        {
            "by matrix product": "return z.movedim(2, 0) @ W_O[:, None]",
            "by loops": {
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
        },
    ),
    *right_answers(
        "3.2",
        "apply_frozen_norm",
        {
            "one factor": """
            factor = gain / scale
            mean = values.mean(-1, keepdim=True) if norm.centers else torch.zeros(())
            return values * factor - mean * factor
            """,
            "a matrix that centers": """
            matrix = torch.eye(values.shape[-1], dtype=values.dtype)
            if norm.centers:
                matrix = matrix - 1 / len(matrix)
            return values @ (matrix * gain) / scale
            """,
        },
    ),
    *right_answers(
        "3.3",
        "direct_logit_attribution",
        {
            "one component at a time": """
            scale = cache["ln_final.hook_scale"]
            rows = [(apply_frozen_norm(v[None], model.ln_final, scale)[0] * direction).sum(-1)
                    for v in components.values]
            last = b_U[token]
            if against is not None:
                last = last - b_U[against]
            rows += [(norm_bias * direction).sum(-1), last]
            return Attribution(components.names + ["norm bias", "unembed bias"], torch.stack(rows))
            """,
        },
    ),
    *right_answers(
        "3.4",
        "head_logit_contributions",
        {
            "by heads": """
            columns = [(z[:, :, h] * (direction @ W.T)).sum(-1) for h, W in enumerate(W_O)]
            return torch.stack(columns, dim=-1)
            """,
            "one einsum in the other order": (
                "return einsum(direction, W_O, z, 'b p m, h d m, b p h d -> b p h')"
            ),
        },
    ),
]

NORM_BIAS = mistakes(
    "3.3",
    "direct_logit_attribution",
    {
        "Is the norm's bias divided by the scale? It is added after the division.": """
            scale = cache["ln_final.hook_scale"]
            normed = apply_frozen_norm(components.values, model.ln_final, scale)
            contributions = (normed * direction).sum(dim=-1)
            bias = b_U[token] if against is None else b_U[token] - b_U[against]
            rest = torch.stack([direction @ norm_bias / scale.squeeze(-1), bias])
            names = [*components.names, "norm bias", "unembed bias"]
            return Attribution(names, torch.cat([contributions, rest]))
            """
    },
)
