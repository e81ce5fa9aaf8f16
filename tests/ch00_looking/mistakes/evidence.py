"""Mistakes in 0.10, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

MEANS = "means = values.double()[picked].mean(dim=1)"
BOTH = "low, high = means.quantile(means.new_tensor([outside, 1 - outside])).tolist()"
Z = (
    "2**0.5 * torch.erfinv(torch.tensor(level)).item()",
    "torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(1 - outside)).item()",
    "1.96",
)
"""Ways to write how many standard deviations the level is from the mean."""
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
            {"(n_resamples, len(values))": "(len(values), n_resamples)"},
            {"(n_resamples, len(values))": "(n_resamples, n_resamples)"},
        ],
        "Has each resample one value too few? It has as many as there are.": [
            {"(n_resamples, len(values))": "(n_resamples, len(values) - 1)"},
            {"(n_resamples, len(values))": "(n_resamples, max(len(values) - 1, 1))"},
        ],
        "Is there only one resample, or the same one each time? Draw n_resamples of them.": [
            {"(n_resamples, len(values))": "(1, len(values))"},
            {"[picked]": "[picked[:1]].expand(n_resamples, -1)"},
        ],
        "Are the resamples drawn from a normal distribution? Draw them from the values.": {
            MEANS: "noise = torch.randn(picked.shape, generator=generator, dtype=torch.float64)\n"
            "means = (values.double().mean() + values.double().std() * noise).mean(dim=1)"
        },
        "Are these sums of the resamples? Take their means.": {"mean(dim=1)": "sum(dim=1)"},
        "Is the level always .95? Use the argument.": [
            {"(1 - level) / 2": "0.025"},
        ],
        "Is not the same share left out at each end? Leave out (1 - level) / 2 at each.": [
            {"[outside, 1 - outside]": ends}
            for ends in (
                "[0.0, level]",
                "[1 - level, 1.0]",
                "[outside, level]",
                "[1 - level, 1 - outside]",
            )
        ],
        "Are these the smallest and the largest mean? Take the quantiles.": {
            BOTH: "low, high = means.min().item(), means.max().item()"
        },
        "Is this the mean +- one standard deviation of the resamples? Take their quantiles.": [
            {
                BOTH: f"middle, half = values.double().mean().item(), means.std({n}).item()\n"
                "low, high = middle - half, middle + half"
            }
            for n in ("", "correction=0")
        ],
        "Is the interval divided by the root of n? The spread of the means has it already.": {
            "return Interval(low, values.double().mean().item(), high)": (
                "middle, root = values.double().mean().item(), len(values) ** 0.5\n"
                "return Interval(middle - (middle - low) / root, middle, "
                "middle + (high - middle) / root)"
            )
        },
        "Has each resample twice as many values as there are?": {
            "(n_resamples, len(values))": "(n_resamples, 2 * len(values))"
        },
        "Are the values centred first? The interval lies around their mean.": {
            "values.double()[picked]": "(values.double() - values.double().mean())[picked]"
        },
        "Is each value left out in turn (the jackknife)? Draw with replacement.": {
            MEANS: "means = (values.double().sum() - values.double()) / max(len(values) - 1, 1)"
        },
        "Are these distances from the mean? Return the ends of the interval.": {
            "return Interval(low, values.double().mean().item(), high)": (
                "middle = values.double().mean().item()\n"
                "return Interval(middle - low, middle, high - middle)"
            )
        },
        "Is the order of the Interval wrong? It is low, estimate, high.": [
            {"Interval(low, values.double().mean().item(), high)": f"Interval({parts})"}
            for parts in (
                "values.double().mean().item(), low, high",
                "low, high, values.double().mean().item()",
            )
        ],
        "Is the estimate the median of the resamples? It is the mean of the original values.": {
            "Interval(low, values.double().mean().item()": "Interval(low, means.median().item()"
        },
        "Is the level one-sided? Leave out (1 - level) / 2 at each end.": {
            "(1 - level) / 2": "1 - level"
        },
        "Are the quantiles level / 2 and 1 - level / 2? Leave out (1 - level) / 2 at each end.": {
            "(1 - level) / 2": "level / 2"
        },
        "Are these quantiles of the values? Take those of the resamples' means.": {
            MEANS: "means = values"
        },
        "Is this mean +- z times the standard error? Take percentiles of the resamples' means.": [
            {
                BOTH: f"z = {z}\n"
                f"half = z * (values.double().std({n}) / len(values) ** 0.5).item()\n"
                "middle = values.double().mean().item()\nlow, high = middle - half, middle + half"
            }
            for n in ("correction=0", "")
            for z in Z
        ],
        "Is this mean +- z times the resamples' standard deviation? Take their percentiles.": [
            {
                BOTH: f"z = {z}\n"
                f"half, middle = z * means.std({n}).item(), values.double().mean().item()\n"
                "low, high = middle - half, middle + half"
            }
            for n in ("correction=0", "")
            for z in Z
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
