"""Mistakes with pruning (12.9) and supernodes (12.10)."""

from tests.grading.mistakes import mistakes, right_answers

SHARE = mistakes(
    "12.9",
    "largest_share",
    {
        "Is the threshold on the scores themselves? It is on their sum, largest first.": (
            "return (scores >= share * scores.max()) & (scores > 0)"
        ),
        "Is the threshold on the number of items?": (
            "n = round(share * len(scores))\n"
            "order = scores.argsort(descending=True, stable=True)[:n]\n"
            "return torch.zeros(len(scores)).bool().scatter(0, order, True) & (scores > 0)"
        ),
        "Is the item that reaches the share left out?": {
            "values.cumsum(dim=0) - values": "values.cumsum(dim=0)"
        },
        "Are the smallest items taken first?": {"descending=True": "descending=False"},
        "Are items without a score marked?": {
            " & (values > 0)": "",
            "chosen = values > 0": "chosen = values >= 0",
        },
        "Is the mask in the order of the sorted scores?": {
            "torch.zeros_like(chosen).scatter(0, order, chosen)": "chosen"
        },
        "Is the share taken of 1? Take it of the sum.": {"share * values.sum()": "share"},
        "Are tiny scores lost to rounding with share 1?": {"if share == 1:": "if False:"},
    },
)
CUT = mistakes(
    "12.9",
    "cut",
    {
        "Is what was cut lost? It goes to the edge from `pruned`.": {
            "edges[:, place] += (graph.edges - edges).sum(dim=1)\n": ""
        },
        "Is its absolute value added?": {
            "(graph.edges - edges).sum(dim=1)": "(graph.edges - edges).abs().sum(dim=1)"
        },
        "Does it replace what `pruned` had already? Add to it.": {
            "edges[:, place] +=": "edges[:, place] ="
        },
        "Are edges of removed nodes alone added? Edges between kept nodes are cut too.": {
            "(graph.edges - edges).sum(dim=1)": "graph.edges[:, ~kept.nodes].sum(dim=1)"
        },
        "Is what was cut added along the wrong axis? Each target's row keeps its sum.": {
            "(graph.edges - edges).sum(dim=1)": "(graph.edges - edges).sum(dim=0)"
        },
        "Are the weights of the logits divided by their sum?": {
            "weights=graph.weights[kept.nodes]": (
                "weights=graph.weights[kept.nodes] / graph.weights.sum()"
            )
        },
    },
)
EDGE = mistakes(
    "12.9",
    "edge_scores",
    {
        "Is the edge's share of its target alone the score?": {" * reach[:, None]": ""},
        "Is the influence of the source used? Use the target's.": {"reach[:, None]": "reach[None]"},
        "Is the logits' own weight missing?": {
            "node_influence(edges, weights) + weights": "node_influence(edges, weights)"
        },
        "Is the absolute edge used instead of its share?": {
            "normalize_rows(edges) *": "edges.abs() *"
        },
    },
)
DEAD = mistakes(
    "12.9",
    "drop_dead_ends",
    {
        "Is only one round made? Each removal may make another dead end.": {
            "if not dead.any():\n        return Kept(nodes, edges)\n    nodes = nodes & ~dead": (
                "nodes = nodes & ~dead\n    return Kept(nodes, edges & nodes[:, None] & nodes)"
            )
        },
        "Is the number of rounds fixed? Repeat until nothing is dropped.": [
            {"while True:": f"for left in reversed(range({n})):", "not dead.any()": "not left"}
            for n in (3, 4, 5, 11)
        ],
        "Must units have incoming or outgoing edges? They need both.": {
            "~(read & written)": "~(read | written)"
        },
        "Are incoming edges asked of errors? They have none.": [
            {
                "(units & ~(read & written)) | (errors & ~read)": (
                    "(units | errors) & ~(read & written)"
                )
            },
            {"(errors & ~read)": "(errors & ~written)"},
        ],
        "Are errors never dropped?": {" | (errors & ~read)": ""},
        "Are tokens and logits dropped too?": {
            "(units & ~(read & written)) | (errors & ~read)": "~(read | written)"
        },
        "Do edges of dropped nodes stay?": {
            "edges = edges & nodes[:, None] & nodes": (
                "edges, whole = edges & nodes[:, None] & nodes, kept.edges"
            ),
            "return Kept(nodes, edges)": "return Kept(nodes, whole)",
        },
    },
)
MERGE = mistakes(
    "12.10",
    "merge",
    {
        "Is the mean over members taken? Sum them.": {
            "belongs[row, list(group)] = 1": "belongs[row, list(group)] = 1 / len(group)"
        },
        "Are edges transposed?": {"graph.edges @ belongs.T": "graph.edges.T @ belongs.T"},
        "Are absolute edges summed?": {"belongs @ graph.edges @": "belongs @ graph.edges.abs() @"},
        "Are edges within a group left out? They are on the diagonal.": {
            "belongs @ graph.edges @ belongs.T": (
                "(belongs @ graph.edges @ belongs.T) * (1 - torch.eye(len(members)))"
            )
        },
        "Is the value that of the first member?": {
            "belongs @ graph.values": ("torch.stack([graph.values[group[0]] for group in members])")
        },
    },
)
PROFILE = mistakes(
    "12.10",
    "edge_profiles",
    {
        "Are outgoing edges rows? They are columns of the matrix.": {
            "graph.edges[:, units].T": "graph.edges[units].flip(1)"
        },
        "Are both halves normalized together?": {
            "torch.cat([F.normalize(incoming, dim=1), F.normalize(outgoing, dim=1)], dim=1)": (
                "F.normalize(torch.cat([incoming, outgoing], dim=1), dim=1)"
            )
        },
        "Are the edges not normalized?": {
            "[F.normalize(incoming, dim=1), F.normalize(outgoing, dim=1)]": "[incoming, outgoing]"
        },
        "Are signs dropped? Latents that push in opposite directions are not alike.": {
            "graph.edges[units], graph": "graph.edges[units].abs(), graph"
        },
    },
)
GROUP = mistakes(
    "12.10",
    "group_units",
    {
        "Do units of other layers or positions join?": {" & (place == place[seed]).all(dim=1)": ""},
        "Is one of layer and position enough? Both must agree.": {
            "(place == place[seed]).all(dim=1)": "(place == place[seed]).any(dim=1)"
        },
        "Does the least influential unit begin?": {"descending=True": "descending=False"},
        "Do the units begin in the order of the list? The most influential one begins.": {
            "influence.argsort(descending=True, stable=True)": "torch.arange(len(influence))"
        },
        "Can a unit be in two groups? Take those that are left.": {
            "joined = left & alike[seed]": "joined = alike[seed].clone()"
        },
        "Are groups of one listed?": {"if len(group) > 1": "if group"},
        "Are places among the units returned? Return nodes of the graph.": {
            "units[joined].tolist()": "joined.nonzero()[:, 0].tolist()"
        },
    },
)
RIGHT = [
    *right_answers(
        "12.9",
        "largest_share",
        {
            "a loop": (
                "chosen, total = torch.zeros(len(scores)).bool(), 0.0\n"
                "goal = share * float(scores.sort(descending=True).values.cumsum(0)[-1])\n"
                "for place in scores.argsort(descending=True, stable=True):\n"
                "    if scores[place] > 0 and (total < goal or share == 1):\n"
                "        chosen[place] = True\n"
                "        total += float(scores[place])\n"
                "return chosen"
            )
        },
    ),
    *right_answers(
        "12.9",
        "cut",
        {
            "mass from the values of rows": (
                "edges = graph.edges.where(kept.edges, 0.0)\n"
                "edges[:, place] = edges[:, place] + graph.edges.sum(1) - edges.sum(1)\n"
                "index = kept.nodes.nonzero()[:, 0]\n"
                "return graph._replace(\n"
                "    nodes=tuple(graph.nodes[i] for i in index),\n"
                "    edges=edges[index[:, None], index],\n"
                "    values=graph.values[index],\n"
                "    weights=graph.weights[index],\n"
                ")"
            )
        },
    ),
    *right_answers(
        "12.9",
        "edge_scores",
        {
            "diagonal": (
                "reach = weights + node_influence(edges, weights)\n"
                "return torch.diag(reach) @ normalize_rows(edges)"
            )
        },
    ),
    *right_answers(
        "12.9",
        "drop_dead_ends",
        {
            "one node at a time": (
                "nodes, edges = kept.nodes.clone(), kept.edges & kept.nodes[:, None] & kept.nodes\n"
                "changed = True\n"
                "while changed:\n"
                "    changed = False\n"
                "    for i in range(len(nodes)):\n"
                "        lonely = not edges[:, i].any() or (units[i] and not edges[i].any())\n"
                "        if nodes[i] and (units[i] or errors[i]) and lonely:\n"
                "            nodes[i] = False\n"
                "            edges[i] = edges[:, i] = False\n"
                "            changed = True\n"
                "return Kept(nodes, edges)"
            )
        },
    ),
    *right_answers(
        "12.10",
        "merge",
        {
            "two index sums": (
                "owner = torch.zeros(len(graph.nodes)).long()\n"
                "for row, group in enumerate(members):\n"
                "    owner[list(group)] = row\n"
                "n = len(members)\n"
                "rows = graph.edges.new_zeros(n, len(owner)).index_add(0, owner, graph.edges)\n"
                "edges = rows.new_zeros(n, n).index_add(1, owner, rows)\n"
                "return Summary(members, edges, rows.new_zeros(n).index_add(0, owner, graph.values))"
            )
        },
    ),
    *right_answers(
        "12.10",
        "edge_profiles",
        {
            "by hand": (
                "halves = []\n"
                "for half in (graph.edges[units], graph.edges.T[units]):\n"
                "    length = half.norm(dim=1, keepdim=True)\n"
                "    halves.append(half / length.where(length > 0, 1.0))\n"
                "return torch.cat(halves, dim=-1)"
            )
        },
    ),
    *right_answers(
        "12.10",
        "group_units",
        {
            "lists": (
                "order = sorted(range(len(units)), key=lambda i: -influence[i].item())\n"
                "groups, free = [], set(order)\n"
                "for seed in order:\n"
                "    if seed not in free:\n"
                "        continue\n"
                "    joined = [i for i in sorted(free) if i == seed or\n"
                "              (alike[seed, i] and place[i].equal(place[seed]))]\n"
                "    free -= set(joined)\n"
                "    if len(joined) > 1:\n"
                "        groups.append([int(units[i]) for i in joined])\n"
                "return groups"
            )
        },
    ),
]
