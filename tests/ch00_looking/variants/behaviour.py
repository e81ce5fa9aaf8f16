"""Answers to 0.4."""

from tests.grading.variants import Right, Wrong


def wrong(name, answer, says):
    return Wrong("0.4", name, body={"accuracy_by_group": answer}, says=says)


def right(name, answer):
    return Right("0.4", name, body={"accuracy_by_group": answer})


HITS = "right = torch.bincount(group, weights=(predicted == label).double(), minlength=n_groups)\n"
SIZES = "count = torch.bincount(group, minlength=n_groups)\n"
LOOP = "torch.stack([(predicted == label)[group == g].double().{} for g in range(n_groups)])"

WRONG = [
    wrong("over all examples", HITS + "return right / len(label)", "divided by ALL examples"),
    wrong(
        "one accuracy for all",
        "return (predicted == label).float().mean().expand(n_groups)",
        "the accuracy over all examples",
    ),
    wrong(
        "empty is 0", HITS + SIZES + "return right / count.clamp(min=1)", "nobody was asked), no"
    ),
    wrong(
        "nan to zero",
        HITS + SIZES + "return (right / count).nan_to_num(nan=0.0)",
        "nan (nobody was asked), not 0",
    ),
    wrong(
        "nan to one",
        HITS + SIZES + "return (right / count).nan_to_num(nan=1.0)",
        "nan (nobody was asked), not 1",
    ),
    wrong("counts", HITS + "return right", "These are counts of right answers"),
    wrong(
        "errors",
        HITS.replace("==", "!=") + SIZES + "return right / count",
        "shares of WRONG answers",
    ),
    wrong("share of the right ones", HITS + "return right / right.sum()", "of all right answers"),
    wrong(
        "by label", f"return {LOOP.format('mean()')}".replace("group ==", "label =="), "by label"
    ),
    wrong(
        "compared with the group",
        f"return {LOOP.format('mean()')}".replace("== label", "== group"),
        "The prediction is compared with the group",
    ),
    wrong(
        "groups of one size",
        HITS + "return right * n_groups / len(label)",
        "as if groups had one size",
    ),
    wrong(
        "one more",
        HITS + SIZES + "return right / (count + 1)",
        "one more than the group's size",
    ),
    wrong(
        "groups that occur",
        "found = group.unique()\n"
        "return torch.stack([(predicted == label)[group == g].float().mean() for g in found])",
        "Shape [6] is expected",
    ),
    wrong(
        "no minlength",
        HITS.replace(", minlength=n_groups", "")
        + SIZES.replace(", minlength=n_groups", "")
        + "return right / count",
        "Shape [6] is expected",
    ),
    wrong(
        "a loop over examples",
        "right, count = torch.zeros(n_groups), torch.zeros(n_groups)\n"
        "for p, truth, g in zip(predicted.tolist(), label.tolist(), group.tolist()):\n"
        "    right[g] += p == truth\n    count[g] += 1\nreturn right / count",
        "a loop over examples",
    ),
    wrong(
        "whole numbers",
        HITS + SIZES + "return (right // count).float()",
        "Group 0: three right of four",
    ),
    wrong(
        "scatter without adding",
        "right = torch.zeros(n_groups)\nright[group] += (predicted == label).float()\n"
        + SIZES
        + "return right / count",
        "Group 0: three right of four",
    ),
]

RIGHT = [
    right("a loop over groups", f"return {LOOP.format('mean()')}"),
    right(
        "one-hot",
        "member = torch.nn.functional.one_hot(group, n_groups).float()\n"
        "return (predicted == label).float() @ member / member.sum(0)",
    ),
    right(
        "scatter_add",
        "right, count = torch.zeros(n_groups), torch.zeros(n_groups)\n"
        "right.scatter_add_(0, group, (predicted == label).float())\n"
        "count.scatter_add_(0, group, torch.ones(len(group)))\nreturn right / count",
    ),
    right(
        "nan put in",
        HITS + SIZES + "share = right / count.clamp(min=1)\nshare[count == 0] = float('nan')\n"
        "return share",
    ),
]
