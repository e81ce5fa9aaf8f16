"""Mistakes with the export of graphs (12.22, 12.23)."""

from tests.grading.mistakes import mistakes, right_answers

IDS = mistakes(
    "12.22",
    "node_id",
    {
        "Is an error named as in the format's first version, 0_layer_pos? A latent has that id.": {
            'return f"{kind}_{layer}_{unit}_{pos}"': (
                'return f"0_{layer}_{pos}" if kind == "error" else f"{kind}_{layer}_{unit}_{pos}"'
            )
        },
        "Is the position missing? One latent at two positions is two nodes.": {
            'return f"{layer}_{unit}_{pos}"': 'return f"{layer}_{unit}"'
        },
        "Do units and positions run together? 1 and 12 must differ from 11 and 2.": {
            'return f"{layer}_{unit}_{pos}"': 'return f"{layer}{unit}{pos}"'
        },
        "Do position embeddings have the ids of tokens?": {
            'if kind == "token":': 'if kind in ("token", "position"):'
        },
        "Is the logit of layer n_layers + 1 one layer too low?": {"{n_layers + 1}": "{n_layers}"},
        "Is the unit of biases missing? A layer has three of them.": {
            'return f"{kind}_{layer}_{unit}_{pos}"': 'return f"{kind}_{layer}_{pos}"'
        },
        "Is a remainder named like an error?": {
            'return f"{kind}_{layer}_{unit}_{pos}"': (
                'return f"{kind}_{layer}_{unit}_{pos}".replace("remainder", "error")'
            )
        },
    },
)
SHARES = mistakes(
    "12.23",
    "cumulative_influence",
    {
        "Is this each node's own share?": "return influence / influence.sum()",
        "Are the smallest nodes counted first?": {"descending=True": "descending=False"},
        "Is the result in the order of the sorted nodes?": {
            "return torch.zeros_like(shares).scatter(0, order, shares)": "return shares"
        },
        "Is the node itself left out?": {
            "values.cumsum(dim=0) / values.sum()": "(values.cumsum(dim=0) - values) / values.sum()"
        },
        "Is it divided by the sum?": {" / values.sum()": ""},
        "Is order read where its inverse is needed?": {
            "torch.zeros_like(shares).scatter(0, order, shares)": "shares[order]"
        },
        "Do equal nodes get the same share? The first one counts first.": (
            "larger = influence[None] >= influence[:, None]\n"
            "return (larger * influence).sum(dim=1) / influence.sum()"
        ),
    },
)
RIGHT_IDS = right_answers(
    "12.22",
    "node_id",
    {
        "a table": (
            "unit = f'{node.unit}_{node.pos}'\n"
            "start = {'latent': node.layer, 'neuron': node.layer, 'token': 'E'}\n"
            "start['logit'] = n_layers + 1\n"
            "return f'{start.get(node.kind, f\"{node.kind}_{node.layer}\")}_{unit}'"
        ),
    },
)
RIGHT_SHARES = right_answers(
    "12.23",
    "cumulative_influence",
    {
        "all pairs": (
            "place = torch.arange(len(influence))\n"
            "same = influence[None] == influence[:, None]\n"
            "before = (influence[None] > influence[:, None]) | (same & (place <= place[:, None]))\n"
            "return (before * influence).sum(dim=1) / influence.sum()"
        ),
        "inverse permutation": (
            "order = influence.argsort(descending=True, stable=True)\n"
            "return (influence[order].cumsum(dim=0) / influence.sum())[order.argsort()]"
        ),
    },
)
