"""More mistakes in 3.1: outputs of heads, and names, order and values of the components."""

from tests.grading.mistakes import mistakes

OUT = "return einsum(z, W_O, 'b p h d, h d m -> h b p m')"
RESULTS = mistakes(
    "3.1",
    "head_results",
    {
        "Does every head get the sum of all heads' outputs? Each is a component of its own.": """
            total = einsum(z, W_O, 'b p h d, h d m -> b p m')
            return total.expand(z.shape[2], *total.shape)
            """,
        "Do all heads use the first one's W_O?": OUT.replace("z, W_O", "z, W_O[:1].expand_as(W_O)"),
        "Are axes exchanged by reshape? That mixes heads and positions; permute them.": """
            batch, pos, heads, d_head = z.shape
            return z.reshape(heads, batch, pos, d_head) @ W_O[:, None]
            """,
        "Are batch and head exchanged by reshape? Permute the axes.": (
            "out = z.transpose(1, 2) @ W_O\n"
            "return out.reshape(out.shape[1], out.shape[0], *out.shape[2:])"
        ),
        "Is it divided by the number of heads? Their outputs are a sum.": OUT + " / z.shape[2]",
        "Are batch and position exchanged?": OUT.replace("h b p m", "h p b m"),
        "Is z averaged over positions? Each position has its own.": (
            "z = z.mean(dim=1, keepdim=True).expand_as(z)\n" + OUT
        ),
        "Are the heads in reverse order?": OUT + ".flip(0)",
        "Are both factors summed over d_head before they are multiplied?": (
            OUT.replace("h d m ->", "h e m ->")
        ),
        "Is W_O reshaped where it should be transposed, or the other way round?": (
            "W_O = W_O.reshape(len(W_O), W_O.shape[2], W_O.shape[1]).mT\n" + OUT
        ),
    },
)
HEAD, MLP = 'f"head {layer}.{head}"', 'pieces[f"mlp {layer}"] = cache['
BIAS = 'pieces[f"bias {layer}"] = '
BODY = """
for layer, block in enumerate(model.blocks):
    results = head_results(cache[f"blocks.{layer}.attn.hook_z"], block.attn.W_O)
    pieces |= {f"head {layer}.{head}": result for head, result in enumerate(results)}
    biases[f"bias {layer}"] = block.attn.b_O.expand_as(pieces["embed"])
    if f"blocks.{layer}.hook_mlp_out" in cache:
        mlps[f"mlp {layer}"] = cache[f"blocks.{layer}.hook_mlp_out"]
pieces |= biases | mlps
return Components(list(pieces), torch.stack(list(pieces.values())))
"""
LATE = '\n    pieces |= {f"bias {layer}": biases[f"bias {layer}"]}'
COMPONENTS = mistakes(
    "3.1",
    "decompose",
    {
        "Is the MLP's bias b_out added to the bias of the layer? hook_mlp_out includes it.": {
            "= block.attn.b_O.expand_as": (
                '= (block.attn.b_O + getattr(block.mlp, "b_out", 0)).expand_as'
            )
        },
        "Are the heads named otherwise? The names are such as `head 3.1`.": [
            {HEAD: 'f"L{layer}H{head}"'},
            {HEAD: 'f"{layer}.{head}"'},
            {HEAD: 'f"head {layer} {head}"'},
        ],
        "Is the layer missing in the names? A later layer replaces the earlier ones.": [
            {HEAD: 'f"head {head}"'},
            {HEAD: 'f"head {head}"', BIAS: 'pieces["bias"] = ', MLP: 'pieces["mlp"] = cache['},
        ],
        "Are the heads numbered from 1? The first is head 0.": {
            "in enumerate(results)": "in enumerate(results, 1)"
        },
        "Are the layers numbered from 1? The first is layer 0.": {
            HEAD: 'f"head {layer + 1}.{head}"',
            BIAS: 'pieces[f"bias {layer + 1}"] = ',
            MLP: 'pieces[f"mlp {layer + 1}"] = cache[',
        },
        "Do all layers use the last one's W_O?": {"block.attn.W_O)": "model.blocks[-1].attn.W_O)"},
        "Do all layers use the first one's bias?": {
            "block.attn.b_O": "model.blocks[0].attn.b_O",
        },
        "Do all layers use the first one's MLP output?": {
            MLP + 'f"blocks.{layer}.hook_mlp_out"]': MLP + '"blocks.0.hook_mlp_out"]'
        },
        "Does the bias of a layer come after its MLP? Attention comes first.": (
            "biases, mlps = {}, pieces" + BODY.replace("\npieces |= biases | mlps", LATE)
        ),
        "Are the components grouped by kind? Keep the order of computation.": [
            "biases, mlps = {}, {}" + BODY,
            "mlps, biases = pieces, {}" + BODY,
            "biases, mlps = {}, {}" + BODY.replace("biases | mlps", "mlps | biases"),
        ],
        "Is the axis of the components not the first one? Stack along axis 0.": {
            "list(pieces.values()))": "list(pieces.values()), dim=1)"
        },
        "Are the components joined by cat? `stack` adds an axis for them.": {
            "torch.stack(": "torch.cat("
        },
        "Is only the last position kept? Every position has its components.": {
            "torch.stack(list(pieces.values()))": "torch.stack(list(pieces.values()))[:, :, -1:]"
        },
        "Do the layers share one entry for their biases? Each has its own.": [
            {BIAS: 'pieces["bias"] = '},
            {BIAS: 'pieces["bias"] = pieces.get("bias", 0) + '},
        ],
        "Are the positions missing, or added to the embedding? They are a component too.": [
            {"return Components(": 'pieces.pop("pos_embed")\nreturn Components('},
            {
                "return Components(": (
                    'pieces["embed"] = pieces["embed"] + pieces.pop("pos_embed")\n'
                    "return Components("
                )
            },
        ],
        "Does every head get an equal share of their sum? Each has its own output.": {
            "in enumerate(results)": "in enumerate(results.mean(0).expand_as(results))"
        },
        "Is the last layer missing?": {"(model.blocks):": "(model.blocks[:-1]):"},
        "Is the `return` inside the loop? It ends after the first layer.": {
            "return Components(": "    return Components("
        },
    },
)
