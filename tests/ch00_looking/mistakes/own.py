"""Wrong and right answers to 0.16 to 0.18."""

from tests.grading.mistakes import mistakes, right_answers

DIRECTIONS = mistakes(
    "0.16",
    "0.16",
    unnamed={
        "used: a swap along direction 0": "used = [0, 1, 3, 9]\ndecodable_only = [0, 9]",
        "along some other direction flips": "used = [1]\ndecodable_only = [0, 9]",
        "the best threshold along direction 1": "used = [1, 3]\ndecodable_only = [0, 1, 9]",
        "some direction is missing": "used = [1, 3]\ndecodable_only = [9]",
        "expected a list of different directions": 'used = ["1"]\ndecodable_only = [0, 9]',
        "used: a swap along direction 2": "used = [2, 8]\ndecodable_only = [5]",  # another learner's
    },
)
NEURONS = mistakes(
    "0.17",
    "0.17",
    unnamed={
        "the property still changes the score by": "carriers = [1, 4, 7]\nopposites = [8, 20]",
        "are not needed": "carriers = [1, 4, 7, 8, 11, 20]\nopposites = [8, 20]",
        "against 8.00 in the whole model": "carriers = [1, 4, 7, 8, 11]\nopposites = [8, 20]",
        "the property changes the score as before": "carriers = [1, 4, 7, 11]\nopposites = [0, 2]",
        "without both the property changes": "carriers = [1, 4, 7, 11]\nopposites = [1, 20]",
        "expected a list of 2 different neurons": "carriers = [1, 4, 7, 11]\nopposites = [8]",
    },
)
SCRATCH = mistakes(
    "0.18",
    "probe_with_control",
    {
        "Has the probe no bias? Append a column of ones.": {
            "x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1).detach()": "x = x.detach()"
        },
    },
    unnamed={
        "Random labels are decoded": [
            {"logits = x[:half] @ w": "logits = x @ w", "logits, y[:half]": "logits, y"},
            {
                "right = (x[half:] @ w.detach() > 0) == (y[half:] > 0.5)": (
                    "right = (x @ w.detach() > 0) == (y > 0.5)"
                )
            },
        ],
        "Are the halves exchanged?": {
            "logits = x[:half] @ w": "logits = x[half:] @ w",
            "logits, y[:half]": "logits, y[half:]",
            "right = (x[half:] @ w.detach() > 0) == (y[half:] > 0.5)": (
                "right = (x[:half] @ w.detach() > 0) == (y[:half] > 0.5)"
            ),
        },
        "does each type get one label?": {
            "labels[picked][types]": "labels[torch.randint(len(labels), (len(labels),), generator=generator)]"
        },
        "always guessing 1 gives .90": {
            "labels[picked][types]": "torch.randint(2, picked.shape, generator=generator)[types]"
        },
        "global random state": {
            "(int(types.max()) + 1,), generator=generator)": "(int(types.max()) + 1,))"
        },
        "A hyperplane separates the labels": [
            {"x = (acts - acts.mean(dim=0)) / acts.std()": "x = acts"},
            {"range(100)": "range(3)"},
        ],
        "An XOR is decoded": {"x = torch.cat([x,": "x = torch.cat([x, x[:, :1] * x[:, 1:2],"},
    },
)
RIGHT = [
    *right_answers("0.16", "0.16", {"in another order": "decodable_only = [9, 0]\nused = [3, 1]"}),
    *right_answers(
        "0.17", "0.17", {"in another order": "opposites = [20, 8]\ncarriers = [11, 7, 4, 1]"}
    ),
    *right_answers(
        "0.18",
        "probe_with_control",
        {
            "least squares": """
            n = len(acts) // 2
            z = acts.detach().double()
            z = (z - z[:n].mean(0)) / z[:n].std()
            z = torch.cat([z, z.new_ones(len(z), 1)], 1)
            share = labels.double().mean()
            lots = torch.rand(int(types.max()) + 1, generator=generator)
            results = []
            for target in (labels.double(), (lots < share).double()[types]):
                plane = torch.linalg.lstsq(z[:n], 2 * target[:n] - 1, driver="gelsd").solution
                hits = ((z[n:] @ plane) > 0).double() == target[n:]
                results.append(float(hits.double().mean()))
            return ProbeReport(results[0], results[1])
            """
        },
    ),
]
