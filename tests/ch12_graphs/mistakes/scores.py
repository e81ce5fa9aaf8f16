"""Mistakes with influence (12.7) and scores (12.8)."""

from tests.grading.mistakes import mistakes, right_answers

ROWS = mistakes(
    "12.7",
    "normalize_rows",
    {
        "Are columns normalized? Divide by the sum over a target's sources.": {
            "sum(dim=1, keepdim=True)": "sum(dim=0, keepdim=True)"
        },
        "Are edges summed with their signs? They can cancel.": {
            "total = size.sum": "total = edges.sum"
        },
        "Does the result keep signs? Shares are positive.": {"size / total": "edges / total"},
        "Are the rows not divided? Influence would grow with the size of the edges.": {
            "size / total.where(total > 0, 1.0)": "size"
        },
        "Is a row of zeros divided by zero?": {"total.where(total > 0, 1.0)": "total"},
        "Is a small number added to the sum? Rows of tiny edges then have other shares.": {
            "total.where(total > 0, 1.0)": "(total + 1e-10)"
        },
    },
)
INFLUENCE = mistakes(
    "12.7",
    "node_influence",
    {
        "Are rows not normalized?": {"normalize_rows(edges)": "edges.abs()"},
        "Is only the first step taken?": {"flow = flow @ shares\n": "break\n"},
        "Is the weight of the logits counted too?": {
            "flow, total = weights @ shares, torch.zeros_like(weights)": (
                "flow, total = weights @ shares, weights.clone()"
            )
        },
        "Does the flow run from sources to targets? Start at the logits.": {
            "weights @ shares": "shares @ weights",
            "flow @ shares": "shares @ flow",
        },
        "Does the sum end after 100 steps?": {"for _ in weights:": "for _ in weights[:100]:"},
        "Is only the last step counted? Add up all.": {"total = total + flow": "total = flow"},
    },
)
SCORES = mistakes(
    "12.8",
    "graph_scores",
    {
        "Are latents counted as inputs? Influence of tokens and positions alone.": {
            "influence[inputs].sum()": "(influence.sum() - influence[unexplained].sum())"
        },
        "Is completeness a plain mean over targets? Weight each by its influence.": {
            "(influence + graph.weights) * graph.edges.any(dim=1)": (
                "graph.edges.any(dim=1).to(influence)"
            )
        },
        "Are nodes without incoming edges counted as complete?": {
            "(influence + graph.weights) * graph.edges.any(dim=1)": "influence + graph.weights"
        },
        "Are the logits left out of completeness?": {
            "(influence + graph.weights) *": "influence *"
        },
        "Is unaccounted the share among inputs and errors? Divide by the whole flow.": {
            "missed / weight": "missed / (known + missed)"
        },
        "Is the path length not divided by the weight of the logits?": {
            "influence.sum() / weight": "influence.sum()"
        },
        "Is completeness the missing share?": {
            "1 - normalize_rows(graph.edges)": "normalize_rows(graph.edges)"
        },
    },
)
SHUFFLE = mistakes(
    "12.8",
    "shuffle_decoders",
    {
        "Does the error stay? Then the MLP's outputs are others.": {
            "error=basis.error + changed": "error=basis.error"
        },
        "Has the change of the error the wrong sign?": {
            "basis.error + changed": "basis.error - changed"
        },
        "Are nodes permuted along with their rows? Then nothing is shuffled.": (
            "writes = []\n"
            "for node, rows in basis.nodes.writes:\n"
            "    order = torch.randperm(len(rows), generator=generator)\n"
            "    writes.append(Writes(node[order], rows[order]))\n"
            "shuffled = basis._replace(nodes=basis.nodes._replace(writes=tuple(writes)))\n"
            "return shuffled"
        ),
        "Are the numbers in each row shuffled? Permute the rows.": {
            "rows[torch.randperm(len(rows), generator=generator)]": (
                "rows[:, torch.randperm(rows.shape[1], generator=generator)]"
            )
        },
        "Are the rows new random ones? Shuffled rows keep every length.": {
            "rows[torch.randperm(len(rows), generator=generator)]": (
                "torch.randn(rows.shape, generator=generator).to(rows)"
            )
        },
        "Are rows drawn with replacement?": {
            "torch.randperm(len(rows), generator=generator)": (
                "torch.randint(len(rows), (len(rows),), generator=generator)"
            )
        },
        "Are the rows reversed? Draw the order.": {
            "rows[torch.randperm(len(rows), generator=generator)]": "rows.flip(0)"
        },
    },
)
RIGHT = [
    *right_answers(
        "12.7",
        "normalize_rows",
        {
            "row by row": (
                "rows = [row.abs() / row.abs().sum() if row.abs().sum() != 0 else row.abs()"
                " for row in edges]\n"
                "return torch.stack(rows)"
            ),
            "0 / 0 becomes 0": (
                "size = edges.abs()\nreturn (size / size.sum(dim=1, keepdim=True)).nan_to_num()"
            ),
        },
    ),
    *right_answers(
        "12.7",
        "node_influence",
        {
            # Not the last, which the other exercises' graders run with NaN: there it never ends.
            "until nothing flows": (
                "shares = normalize_rows(edges)\n"
                "flow, total = weights @ shares, torch.zeros_like(weights)\n"
                "while flow.any():\n"
                "    total, flow = total + flow, flow @ shares\n"
                "return total"
            ),
            "matrix inverse": (
                "A = normalize_rows(edges).double()\n"
                "eye = torch.eye(len(A)).to(A)\n"
                "total = weights.double() @ (torch.linalg.inv(eye - A) - eye)\n"
                "return total.to(weights.dtype)"
            ),
            "from the last target": (
                "A, reach = normalize_rows(edges), weights.clone()\n"
                "for target in range(len(A) - 1, -1, -1):\n"
                "    reach = reach + reach[target] * A[target]\n"
                "return reach - weights"
            ),
        },
    ),
    *right_answers(
        "12.8",
        "graph_scores",
        {
            "by sums": (
                "shares = normalize_rows(graph.edges)\n"
                "known = sum(float(influence[i]) for i in inputs)\n"
                "missed = sum(float(influence[i]) for i in unexplained)\n"
                "top = bottom = 0.0\n"
                "for row, weight in zip(shares, influence + graph.weights):\n"
                "    if row.any():\n"
                "        top += float(weight * (1 - row[unexplained].sum()))\n"
                "        bottom += float(weight)\n"
                "total = float(graph.weights.sum())\n"
                "return Scores(known / (known + missed), top / bottom, missed / total,"
                " float(influence.sum()) / total)"
            )
        },
    ),
    *right_answers(
        "12.8",
        "shuffle_decoders",
        {
            "error from the outputs": (
                "writes, error = [], basis.error.clone()\n"
                "for number, (node, rows) in enumerate(basis.nodes.writes):\n"
                "    order = torch.rand(len(rows), generator=generator).argsort()\n"
                "    writes.append(Writes(node, rows[order]))\n"
                "    change = basis.nodes.acts[node, None] * (rows - rows[order])\n"
                "    error[number].index_add_(0, basis.nodes.pos[node], change)\n"
                "nodes = basis.nodes._replace(writes=tuple(writes))\n"
                "return basis._replace(nodes=nodes, error=error)"
            )
        },
    ),
]
