"""Answers to 0.10."""

from tests.grading.variants import Right, Wrong

PICK = "picked = torch.randint(len(values), (n_resamples, len(values)), generator=generator)\n"
MEANS = "means = values.double()[picked].mean(dim=1)\n"
ENDS = "outside = (1 - level) / 2\n"
LOW_HIGH = "low, high = means.quantile(means.new_tensor([outside, 1 - outside])).tolist()\n"
RETURN = "return Interval(low, values.double().mean().item(), high)"


def interval(name, says, pick=PICK, means=MEANS, ends=ENDS, quantiles=LOW_HIGH, end=RETURN):
    text = pick + means + ends + quantiles + end
    return Wrong("0.10", name, body={"bootstrap_interval": text}, says=says)


WRONG = [
    interval(
        "without replacement",
        "is it drawn WITHOUT replacement, so that",
        "picked = torch.rand(n_resamples, len(values), generator=generator).argsort(dim=1)\n",
    ),
    interval(
        "wrong axis",
        "Is the mean taken over the wrong axis",
        means=MEANS.replace("dim=1", "dim=0"),
    ),
    interval(
        "resamples of n_resamples values",
        "Is the mean taken over the wrong axis",
        "picked = torch.randint(len(values), (len(values), n_resamples), generator=generator)\n",
    ),
    interval("one-sided", "The level is taken one-sided", ends="outside = 1 - level\n"),
    interval(
        "half the level",
        "The quantiles are level / 2 and 1 - level / 2",
        ends="outside = level / 2\n",
    ),
    interval(
        "quantiles of the values", "quantiles of the values themselves", means="means = values\n"
    ),
    interval(
        "normal interval",
        "plus and minus a normal quantile",
        quantiles="z = 2**0.5 * torch.erfinv(torch.tensor(level)).item()\n"
        "half = z * (values.std(correction=0) / len(values) ** 0.5).item()\n"
        "low, high = values.mean().item() - half, values.mean().item() + half\n",
    ),
    interval(
        "reflected",
        "It is reflected at the mean",
        end="middle = values.double().mean().item()\n"
        "return Interval(2 * middle - high, middle, 2 * middle - low)",
    ),
    interval(
        "mean of the resamples",
        "it is made of resamples (their mean?)",
        end="return Interval(low, means.mean().item(), high)",
    ),
    interval(
        "median",
        "That is the median",
        end=RETURN.replace("double().mean()", "median()"),
    ),
    interval(
        "turned round",
        "Low and high are the wrong way round",
        end="return Interval(high, values.double().mean().item(), low)",
    ),
    interval("global draw", "global random state", PICK.replace(", generator=generator", "")),
    interval("seeded inside", "Two generators give", "generator.manual_seed(0)\n" + PICK),
    interval(
        "half as many values",
        "Half as many values",
        PICK.replace(", len(values))", ", len(values) // 2 or 1)"),
    ),
    interval(
        "a loop",
        "steps of Python more: a loop",
        pick="",
        means="draws = [torch.randint(len(values), values.shape, generator=generator)"
        " for _ in range(n_resamples)]\n"
        "means = torch.stack([values[draw].double().mean() for draw in draws])\n",
    ),
    interval(
        "medians of the resamples",
        "is binomial",
        means=MEANS.replace("mean(dim=1)", "median(1)[0]"),
    ),
    interval(
        "the last value never drawn",
        "is binomial",
        PICK.replace("randint(len(values),", "randint(max(len(values) - 1, 1),"),
    ),
]

RIGHT = [
    Right(
        "0.10",
        "counts of every value",
        body={
            "bootstrap_interval": """
            even = torch.ones(n_resamples, len(values))
            picked = torch.multinomial(even, len(values), replacement=True, generator=generator)
            count = torch.nn.functional.one_hot(picked, len(values)).sum(1)
            means = (count.double() @ values.double() / len(values)).sort().values
            low = means.quantile((1 - level) / 2).item()
            high = means.quantile((1 + level) / 2).item()
            return Interval(low=low, estimate=values.mean().item(), high=high)
            """
        },
    ),
    Right(
        "0.10",
        "resamples in columns",
        {
            PICK.strip(): "n = len(values)\n"
            "    picked = torch.randint(n, (n, n_resamples), generator=generator)",
            "mean(dim=1)": "mean(dim=0)",
        },
    ),
]
