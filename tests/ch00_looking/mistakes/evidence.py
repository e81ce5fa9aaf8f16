"""Mistakes in 0.10, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

MEANS = "means = values.double()[picked].mean(dim=1)"
BOTH = "low, high = means.quantile(means.new_tensor([outside, 1 - outside])).tolist()"
INTERVAL = mistakes(
    "0.10",
    "bootstrap_interval",
    {
        "Is it drawn without replacement? Then every resample has the same mean.": {
            "randint(len(values), (n_resamples, len(values)), generator=generator)": (
                "rand(n_resamples, len(values), generator=generator).argsort(dim=1)"
            )
        },
        "Is the mean taken over the wrong axis? A resample is a row of n values.": [
            {"mean(dim=1)": "mean(dim=0)"},
        ],
        "Do the resamples have n_resamples values? Each has as many as there are.": [
            {"(n_resamples, len(values))": "(len(values), n_resamples)"}
        ],
        "Is the level one-sided? Leave out (1 - level) / 2 at each end.": {
            "(1 - level) / 2": "1 - level"
        },
        "Are the quantiles level / 2 and 1 - level / 2? Leave out (1 - level) / 2 at each end.": {
            "(1 - level) / 2": "level / 2"
        },
        "Are these quantiles of the values? Take those of the resamples' means.": {
            MEANS: "means = values"
        },
        "Is this mean +- z times the standard error? Take percentiles of the resamples' means.": {
            BOTH: "z = 2**0.5 * torch.erfinv(torch.tensor(level)).item()\n"
            "half = z * (values.std(correction=0) / len(values) ** 0.5).item()\n"
            "low, high = values.mean().item() - half, values.mean().item() + half"
        },
        "Is this mean +- z times the resamples' standard deviation? Take their percentiles.": [
            {
                BOTH: f"z = {z}\n"
                f"half, middle = z * means.std({n}).item(), values.double().mean().item()\n"
                "low, high = middle - half, middle + half"
            }
            for n in ("correction=0", "")
            for z in (
                "2**0.5 * torch.erfinv(torch.tensor(level)).item()",
                "torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(1 - outside)).item()",
            )
        ],
        "Is it reflected at the mean (the 'basic' bootstrap)? Take the percentiles themselves.": {
            "return Interval(low, values.double().mean().item(), high)": (
                "middle = values.double().mean().item()\n"
                "return Interval(2 * middle - high, middle, 2 * middle - low)"
            )
        },
        "Is the estimate the mean of the resamples? It is the mean of the original values.": {
            "Interval(low, values.double().mean().item()": "Interval(low, means.mean().item()"
        },
        "Is the estimate the middle of the interval? It is the mean of the original values.": {
            "Interval(low, values.double().mean().item()": "Interval(low, (low + high) / 2"
        },
        "Is the estimate the median? It is the mean.": {
            "Interval(low, values.double().mean()": "Interval(low, values.double().median()"
        },
        "Are low and high exchanged?": {"low, high = ": "high, low = "},
        "Does a resample have half as many values as there are?": {
            "(n_resamples, len(values))": "(n_resamples, len(values) // 2 or 1)"
        },
        "Are these medians of the resamples? Take their means.": {
            "mean(dim=1)": "median(dim=1).values"
        },
        "Is the last value never drawn?": {
            "randint(len(values)": "randint(max(len(values) - 1, 1)"
        },
    },
    unnamed={
        "global random state": {", generator=generator": ""},
        "Two generators give": {"picked =": "generator.manual_seed(0)\npicked ="},
        "steps of Python more: a loop": {
            "picked = torch.randint(len(values), (n_resamples, len(values)), generator=generator)\n"
            + MEANS: "draws = [torch.randint(len(values), values.shape, generator=generator)"
            " for _ in range(n_resamples)]\n"
            "means = torch.stack([values[draw].double().mean() for draw in draws])"
        },
    },
)
RIGHT = right_answers(
    "0.10",
    "bootstrap_interval",
    {
        "counts of every value": """
            even = torch.ones(n_resamples, len(values))
            picked = torch.multinomial(even, len(values), replacement=True, generator=generator)
            count = torch.nn.functional.one_hot(picked, len(values)).sum(1)
            means = (count.double() @ values.double() / len(values)).sort().values
            low = means.quantile((1 - level) / 2).item()
            high = means.quantile((1 + level) / 2).item()
            return Interval(low=low, estimate=values.mean().item(), high=high)
        """,
        "resamples in columns": {
            "(n_resamples, len(values))": "(len(values), n_resamples)",
            "mean(dim=1)": "mean(dim=0)",
        },
    },
)
