"""Slips behind an answer that leave it right, each with the reason."""

from collections.abc import Iterator

EQUIVALENTS: list[tuple[str, str, str]] = [
    ("clone", "*", "A copy holds the same numbers, and no exercise promises a view."),
    (
        "abs",
        "0.4 0.8 0.9 0.11 0.12 1.1 1.2 1.3 1.4 1.5 1.6 1.7 1.8 1.10 1.11 1.12 1.13 1.14 2.9 2.15 "
        "2.16 2.17 2.18 2.19 3.6 3.7 3.12 3.13 4.1 4.2 4.3 5.3 5.4 5.9 5.11/run_with_restored "
        "7.1 7.2 7.3 7.4 7.5 7.6 7.11 8.2 8.4 8.6 8.7/fraction_unexplained 8.10 8.11 8.13 "
        "8.15/Moments.scale 9.1 9.2 9.3 9.4/ActiveEntries.by_latent 9.6 9.7 9.8 9.9 9.13 9.14 9.15 "
        "11.2 11.10 11.12 11.14 12.6/unclosed 12.7 12.8/graph_scores 12.9/edge_scores "
        "12.10/group_units 12.14/top_neurons 12.17/swap_interventions 12.23",
        "No result is negative: a share, a loss, a norm, an index, a token, a threshold, or what a "
        "ReLU lets through.",
    ),
    (
        "detach",
        "0.4 0.5 0.6 0.7 0.13 0.14 1.6 1.7 1.8 1.10 1.11 1.13 1.16 2.17 2.18 3.4 3.7 3.8 3.11 3.12 "
        "3.1/head_results 3.2 3.14 4.1 4.2 4.3 4.4 4.5 4.7 4.8 5.2 5.3 5.5 5.10 5.11/total_effect "
        "5.11/indirect_effect 5.12 7.4 7.5 7.7 7.8 7.10 8.6 8.7 8.8 8.9 8.15 8.18 9.15 "
        "11.5 11.7 12.1 12.2 12.3 12.5 12.7 12.9 12.10 12.11 12.12 12.15 12.16 12.19 12.20 12.23",
        "A measure, a gradient, an edit of weights or of activations: no gradient through it is "
        "promised.",
    ),
    ("detach", "1.1 1.2", "Random data has no graph."),
    ("detach", "2.20 2.21 2.22 2.23", "Weights are folded or loaded once, before any gradient."),
    (
        "detach",
        "5.7 5.8 5.11/run_with_restored 5.15",
        "Only run_sweep_batch, causal_trace and path_patch call it: under torch.no_grad.",
    ),
    ("detach", "3.13", "It takes scores of ov_circuit and qk_circuit, which leave no graph."),
    ("squeeze", "5.9", "The given lines refuse fewer than two examples."),
    ("detach", "4.10", "The site is set to zero: there is no gradient left to cut off there."),
    ("detach", "1.5 8.19 9.18 11.15", "The result is detached by the docstring."),
    ("detach", "11.18 11.19", "Weights on their way to a file, or from one, have no gradient."),
    ("detach", "12.21", "Gradients, and a metric, are returned without a graph."),
    (
        "detach",
        "9.4/ActiveEntries.sum_per_latent 9.5 9.11 9.12",
        "It runs in a backward pass, which leaves no graph.",
    ),
    ("detach", "1.15", "The attacked inputs are data; no gradient through the attack is promised."),
    (
        "nan_to_num",
        "0.8 0.10 0.11 0.13 0.14 1.1 1.2 1.7 1.8 3.8 5.2 5.3 5.5 5.11/run_with_restored 5.12 7.5 "
        "9.16 9.17 11.5 12.23",
        "The given lines, or the given functions that the answer calls, refuse NaN.",
    ),
    (
        "nan_to_num",
        "9.7 9.8 9.13 9.15",
        "NaN does not exceed a threshold, so it is not active: its activation may be 0.",
    ),
    (
        "no gradients afterwards",
        "9.5 9.11 9.12",
        "Autograd runs a backward pass without gradients, and sets the mode back.",
    ),
    ("nan_to_num", "2.23", "The given Weights refuses a tensor with NaN."),
    (
        "nan_to_num",
        "5.6 7.11 12.17",
        "patch_sweep and CircuitEvaluator refuse scores that are NaN.",
    ),
    (
        "nan_to_num",
        "12.7",
        "A row of zeros stays zeros where 0 / 0 becomes 0 by nan_to_num, and so does every NaN.",
    ),
    (
        "nan_to_num",
        "1.3 1.14 1.15",
        "A ReLU by comparison, where(x > 0, x, 0), turns NaN into 0 as well, and is right.",
    ),
    (
        "nan_to_num",
        "2.16 3.6 4.6 4.8",
        "The given lines refuse NaN, or the update of the weights shows it.",
    ),
    ("nan_to_num", "1.5 8.12", "A NaN in the data reaches the weights, whatever is returned."),
    ("nan_to_num", "8.6", "NaN is not zero: it counts as active, and the share is a number."),
    ("nan_to_num", "8.9/recover_features", "The given lines refuse NaN."),
    ("nan_to_num", "8.13", "A schedule of integers and of a given rate is never NaN."),
    ("detach", "8.12", "The update is over when the pass is returned."),
    (
        "small to zero",
        "8.12",
        "The pass is returned as the given lines computed it: a loss of order 1.",
    ),
    ("squeeze", "8.12", "The pass has one entry for each latent, and a dictionary has several."),
    ("in-place", "8.10", "The given lines make a copy of the losses."),
    ("nan_to_num", "1.13", "A neuron without a finite sum of weights represents 0 features."),
    ("float", "7.5", "Float32 holds 0 and 1."),
    ("float", "8.19 9.18 11.15", "Training in float32 is right."),
    (
        "small to zero",
        "8.19 9.18 11.15",
        "Of trained weights one below 1e-6 is as good as 0.",
    ),
    ("0 is None", "2.17", "SampleConfig refuses a top_k of 0."),
    ("small to zero", "7.5", "Every result is 0 or 1."),
    ("no raise", "12.17/switch_rates", "torch.cat of no tensors raises ValueError as well."),
    ("clamp", "12.23", "The strongest of n nodes has a share of at least 1 / n."),
    ("small to zero", "12.23", "The strongest of n nodes has a share of at least 1 / n."),
    ("first only", "12.4/difference_target", "There is one target."),
    ("first for all", "12.4/difference_target", "There is one target."),
    ("off by one", "12.4/difference_target", "There is one target."),
    ("float", "1.1 1.2", "Draws in float32 are random enough."),
    ("float", "0.4", "Shares of counts: float32 holds seven digits of them."),
    (
        "clamp",
        "0.8 0.11 2.16",
        "A loss of training, or a p-value of at least 1 / (1 + n).",
    ),
    (
        "small to zero",
        "0.4 0.8 0.11 2.15 2.16 4.4 8.6 9.15",
        "A share of counts, a loss of training, a difference of such losses, a p-value.",
    ),
    (
        "small to zero",
        "2.1 2.3 2.18 3.11 4.5 4.6",
        "Scores and probabilities of order 1, or a value that a hook passes on as it is.",
    ),
    ("nan_to_num", "2.6", "A product with one-hot rows is right, and spreads every NaN."),
    ("first for all", "2.6", "Every sequence gets the same vectors of the positions."),
    ("off by one", "2.6", "Every sequence gets the same vectors of the positions."),
    (
        "small to zero",
        "1.1 1.2",
        "Strengths are uniform on [0, 1): one in a million is below 1e-6.",
    ),
    (
        "small to zero",
        "1.7 1.8 1.13",
        "A dimensionality, an interference or a number of features is of order 1; a direction "
        "below 1e-6 counts as absent.",
    ),
    *(
        (f"{place}clamp at {limit}", numbers, reason)
        for limit in ("50", "1e4")
        for place, numbers, reason in [
            ("", "2.9 2.17 2.18 4.1 4.2 4.3", "A probability is at most 1."),
            ("", "3.11 3.12 3.13", "A score is at most 1."),
            ("", "5.11", "A probability, or a difference of two, is at most 1."),
            ("", "8.6/firing_density 8.9 9.15", "A share or a cosine is at most 1."),
            ("", "8.13/sparsity_weight", "The weight is at most 1."),
            ("", "9.13", "A step is 0 or 1."),
            ("given: ", "8.6 9.15", "What counts is whether a latent is active."),
            ("given: ", "2.18 4.1 4.2 4.3", "A probability is at most 1."),
            ("given: ", "2.23/translate:config", "No number of the config is translated."),
        ]
    ),
]
"""(slip, exercises, reason); "5.11/window" is one function, "*" stands for every exercise."""


def _each() -> Iterator[tuple[tuple[str, str], str]]:
    for slip, numbers, reason in EQUIVALENTS:
        for number in numbers.split():
            yield (number, slip), reason


REASONS: dict[tuple[str, str], str] = dict(_each())


def reason(number: str, slip: str, function: str = "") -> str:
    """Why a slip behind the answers of an exercise is right; "" where it is a mistake."""
    places = (f"{number}/{function}", f"{number}/{function.partition(':')[0]}", number, "*")
    return next((REASONS[place, slip] for place in places if (place, slip) in REASONS), "")
