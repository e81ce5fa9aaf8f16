"""Mistakes with scores of pairs and groups (12.14)."""

from tests.grading.mistakes import mistakes, right_answers

SCORES = mistakes(
    "12.14",
    "contrast_scores",
    {
        "Is the gradient that of the first prompt alone?": {
            "(gradients[0] + gradients[1]) / 2": "gradients[0]"
        },
        "Are gradients added and not averaged?": {
            "(gradients[0] + gradients[1]) / 2": "(gradients[0] + gradients[1])"
        },
        "Are activations taken instead of their change?": {
            "change = runs[0].acts() - runs[1].acts()": "change = runs[0].acts()"
        },
        "Is the sign reversed? Change and direction go from the first prompt to the second.": [
            {"runs[0].acts() - runs[1].acts()": "runs[1].acts() - runs[0].acts()"},
            {"answer_row(local, answer, wrong)": "answer_row(local, wrong, answer)"},
        ],
        "Is the sign lost? Brakes have negative scores.": {"/ 2 * change": "/ 2 * change.abs()"},
        "Is the direction another one in each prompt? Both read the first answer's logit minus the second's.": (
            "rows = [answer_row(runs[0].local, answer, wrong),\n"
            "    answer_row(runs[1].local, wrong, answer)]\n"
            "gradients = [total_effects(run.layers, run.local, row).neurons\n"
            "    for run, row in zip(runs, rows)]\n"
            "change = runs[0].acts() - runs[1].acts()\n"
            "return (gradients[0] + gradients[1]) / 2 * change"
        ),
    },
)
GROUPS = mistakes(
    "12.14",
    "group_scores",
    {
        "Is position 0 counted? It is the sink.": {"one[:, SINK + 1 :]": "one"},
        "Are pairs not divided by the sum of their sizes?": {"one / one.abs().sum()": "one"},
        "Are signed scores divided by their signed sum?": {"one.abs().sum()": "one.sum()"},
        "Is the size of each score taken? Brakes would look like the best neurons.": {
            "one / one.abs().sum()": "one.abs() / one.abs().sum()"
        },
        "Is the mean taken over positions? Add them up.": (
            "means = [one[:, 1:].mean(dim=1) for one in scores]\n"
            "return torch.stack(means).mean(dim=0)"
        ),
        "Are pairs added and not averaged?": {".mean(dim=0)": ".sum(dim=0)"},
        "Is each layer divided by itself? Divide by one number per pair.": {
            "one.abs().sum()": "one.abs().sum(dim=1, keepdim=True)"
        },
        "Are sizes added before positions? First add the positions.": {
            "summed = [one[:, SINK + 1 :].sum(dim=1) for one in scores]": (
                "summed = [one[:, 1:].sum(dim=1) / one[:, 1:].abs().sum() for one in scores]"
            ),
            "one / one.abs().sum()": "one",
        },
    },
)
TOP = mistakes(
    "12.14",
    "top_neurons",
    {
        "Are neurons ranked by the size of their score? Then brakes are chosen too.": {
            "scores.flatten().topk": "scores.abs().flatten().topk"
        },
        "Are the lowest scores taken?": {"topk(k)": "topk(k, largest=False)"},
        "Are layer and neuron exchanged?": {
            "[divmod(index, scores.shape[1]) for index in best]": (
                "[divmod(index, scores.shape[1])[::-1] for index in best]"
            )
        },
        "Is the number of layers taken for the number of neurons?": {
            "scores.shape[1]": "scores.shape[0]"
        },
    },
)
RIGHT = [
    *right_answers(
        "12.14",
        "contrast_scores",
        {
            "one by one": (
                "def of(run):\n"
                "    row = answer_row(run.local, answer, wrong)\n"
                "    return total_effects(run.layers, run.local, row).neurons\n"
                "mean = torch.stack([of(run) for run in runs]).mean(dim=0)\n"
                "return mean * runs[0].acts() - mean * runs[1].acts()"
            )
        },
    ),
    *right_answers(
        "12.14",
        "group_scores",
        {
            "a running sum": (
                "total = torch.zeros_like(scores[0][:, 0])\n"
                "for one in scores:\n"
                "    without = one.sum(dim=1) - one[:, 0]\n"
                "    total = total + torch.nn.functional.normalize(without.flatten(), p=1, dim=0,\n"
                "        eps=0).view_as(without)\n"
                "return total / len(scores)"
            )
        },
    ),
    *right_answers(
        "12.14",
        "top_neurons",
        {
            "sort": (
                "order = scores.flatten().argsort(descending=True, stable=True)[:k].tolist()\n"
                "return [(i // scores.shape[1], i % scores.shape[1]) for i in order]"
            )
        },
    ),
]
