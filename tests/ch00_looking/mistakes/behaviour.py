"""Mistakes in 0.4, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

HITS = "(predicted == label)"
SIZES = "torch.bincount(group, minlength=n_groups)"
RIGHT_ONES = f"torch.bincount(group, weights={HITS}.double(), minlength=n_groups)"
LOOP = f"""
share = {{start}}.double()
for g in {{groups}}:
    share[g] = {HITS}[group == g].double().mean()
return share
"""
BY_GROUP = f"return torch.stack([{HITS}[group == g].double().mean() for g in range(n_groups)])"
GROUPS = mistakes(
    "0.4",
    "accuracy_by_group",
    {
        "Is each group divided by ALL examples? Divide by its own number.": {SIZES: "len(label)"},
        "This is the accuracy over all examples, the same for every group.": (
            f"return {HITS}.float().mean().expand(n_groups)"
        ),
        "Do the groups that occur move to the front? An empty group keeps its place.": """
            out = torch.full((n_groups,), torch.nan, dtype=torch.float64)
            for place, kind in enumerate(group.unique()):
                out[place] = (predicted == label)[group == kind].double().mean()
            return out
            """,
        "Does an empty group get 0? Its accuracy is NaN.": [
            {SIZES: SIZES + ".clamp(min=1)"},
            {f"right / {SIZES}": f"(right / {SIZES}).nan_to_num(nan=0.0)"},
            """
            share = torch.full((n_groups,), torch.nan, dtype=torch.float64)
            right = torch.bincount(group, weights=(predicted == label).double())
            share[: len(right)] = right / torch.bincount(group).clamp(min=1)
            return share
            """,
        ],
        "Does an empty group get 1? Its accuracy is NaN.": {
            f"right / {SIZES}": f"(right / {SIZES}).nan_to_num(nan=1.0)"
        },
        "These are the counts of correct predictions. Divide by the size of the group.": {
            f" / {SIZES}": ""
        },
        "These are the sizes of the groups.": {f"right / {SIZES}": f"{SIZES}.double()"},
        "These are the fractions of WRONG predictions.": {HITS: "(predicted != label)"},
        "Is each group divided by all correct predictions? Divide by the size of the group.": {
            SIZES: "right.sum()"
        },
        "Is this the accuracy by label, not by group?": [
            BY_GROUP.replace("group ==", "label =="),
            f"return {RIGHT_ONES} / {SIZES}".replace("(group", "(label"),
        ],
        "Is this the accuracy by prediction, not by group?": [
            BY_GROUP.replace("group ==", "predicted =="),
            f"return {RIGHT_ONES} / {SIZES}".replace("(group", "(predicted"),
        ],
        "Is this the mean prediction? Count the predictions that equal the label.": {
            HITS: "predicted"
        },
        "Is this the mean label? Count the predictions that equal the label.": {HITS: "label"},
        "Are predictions and labels combined by a product or by `&`? Compare them with ==.": [
            {HITS: "(predicted * label)"},
            {HITS: "(predicted & label)"},
            {HITS: "(predicted.bool() & label.bool())"},
        ],
        "Are the counts of each class compared? Compare the examples one by one.": (
            f"hits = (torch.bincount(group, predicted.double(), n_groups)"
            f" - torch.bincount(group, label.double(), n_groups)).abs()\n"
            f"return 1 - hits / {SIZES}"
        ),
        "Is this the accuracy over all OTHER groups?": BY_GROUP.replace("group ==", "group !="),
        "Is this the accuracy over this group and all before it?": (
            BY_GROUP.replace("group ==", "group <=")
        ),
        "Is each group divided by the size of the largest one? Divide by its own size.": {
            f"right / {SIZES}": f"right / {SIZES}.max()"
        },
        "Are only predictions of 1 counted? Every example of the group counts.": (
            "ones = predicted == 1\ngroup, label, predicted = group[ones], label[ones], "
            f"predicted[ones]\nreturn {RIGHT_ONES} / {SIZES}"
        ),
        "Is it in percent? It is a fraction from 0 to 1.": {"return right": "return 100 * right"},
        "Is the fraction upside down? Divide the correct predictions by the size.": {
            f"right / {SIZES}": f"{SIZES} / right"
        },
        "Is the first group left out? Groups count from 0.": [
            BY_GROUP.replace("range(n_groups)", "range(1, n_groups + 1)"),
            LOOP.format(start="torch.full((n_groups,), torch.nan)", groups="range(1, n_groups)"),
            LOOP.format(start="torch.zeros(n_groups)", groups="range(1, n_groups)"),
        ],
        "Is the last group left out? The last one is n_groups - 1.": [
            LOOP.format(start="torch.full((n_groups,), torch.nan)", groups="range(n_groups - 1)"),
            LOOP.format(start="torch.zeros(n_groups)", groups="range(n_groups - 1)"),
        ],
        "Is minlength=n_groups missing in bincount? Then empty groups at the end are missing.": [
            f"return {RIGHT_ONES} / {SIZES}".replace(", minlength=n_groups", ""),
            {HITS + ".double(), minlength=n_groups": HITS + ".double()"},
            {SIZES: "torch.bincount(group)"},
            f"return torch.bincount(group[{HITS}]) / {SIZES}",
            f"return torch.bincount(group[{HITS}]) / torch.bincount(group)",
        ],
        "Are empty groups left out of the result? It has n_groups entries.": (
            BY_GROUP.replace("range(n_groups)", "group.unique()")
        ),
        "The result has one entry too many: groups go from 0 to n_groups - 1.": (
            f"return {RIGHT_ONES} / {SIZES}".replace("n_groups", "n_groups + 1")
        ),
        "Is the prediction compared with the group? Compare it with the label.": (
            BY_GROUP.replace("== label", "== group")
        ),
        "Is each group divided by n / n_groups, as if all had one size?": {
            f"/ {SIZES}": "* n_groups / len(label)"
        },
        "Is each group divided by its size plus one? See include_self of scatter_reduce.": [
            {SIZES: f"({SIZES} + 1)"},
            f"found = torch.zeros(n_groups).scatter_reduce(0, group, {HITS}.float(), 'mean')\n"
            f"return found.where({SIZES} > 0, torch.nan)",
            "found = torch.zeros(n_groups, dtype=torch.float64)\n"
            f"found.scatter_reduce_(0, group, {HITS}.double(), 'mean')\n"
            f"return found.where({SIZES} > 0, torch.nan)",
        ],
        "Is the accuracy of an empty group that of all examples? It is NaN.": {
            f"right / {SIZES}": f"(right / {SIZES}).nan_to_num(nan=float({HITS}.double().mean()))"
        },
        "Does one empty group make every group NaN?": {
            f"right / {SIZES}": f"right / {SIZES} + 0 * (right / {SIZES}).sum()"
        },
        "Is it rounded down to whole numbers?": [
            {"right / ": "right // "},
            {f"right / {SIZES}": f"right.long() // {SIZES}"},
            {f"right / {SIZES}": f"(right / {SIZES}).long()"},
        ],
        "Is it smoothed by an added count? Divide the correct predictions by the size alone.": [
            {f"right / {SIZES}": f"(right + 1) / ({SIZES} + 2)"},
            {f"right / {SIZES}": f"(right + 1) / ({SIZES} + 1)"},
        ],
        "Does `right[group] += ...` count a group once? It does not add repeated indices.": {
            RIGHT_ONES: (f"torch.zeros(n_groups)\nright[group] += {HITS}.float()")
        },
    },
    unnamed={
        "a loop over examples": (
            "right, count = torch.zeros(n_groups), torch.zeros(n_groups)\n"
            "for p, truth, g in zip(predicted.tolist(), label.tolist(), group.tolist()):\n"
            "    right[g] += p == truth\n    count[g] += 1\nreturn right / count"
        ),
    },
)
RIGHT = right_answers(
    "0.4",
    "accuracy_by_group",
    {
        "a loop over groups": BY_GROUP,
        "one-hot": (
            "member = torch.nn.functional.one_hot(group, n_groups).float()\n"
            f"return {HITS}.float() @ member / member.sum(0)"
        ),
        "scatter_add": (
            "right, count = torch.zeros(n_groups), torch.zeros(n_groups)\n"
            f"right.scatter_add_(0, group, {HITS}.float())\n"
            "count.scatter_add_(0, group, torch.ones(len(group)))\nreturn right / count"
        ),
        "NaN put in": {
            f"return right / {SIZES}": f"count = {SIZES}\nshare = right / count.clamp(min=1)\n"
            "share[count == 0] = float('nan')\nreturn share"
        },
    },
)
