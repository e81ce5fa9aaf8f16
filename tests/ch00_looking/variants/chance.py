"""Answers to 0.11 and 0.12."""

from tests.grading.variants import Right, Wrong


def p_value(name, answer, says):
    return Wrong("0.11", name, body={"permutation_p_value": answer}, says=says)


def sets(name, answer, says):
    return Wrong("0.12", name, body={"random_sets": answer}, says=says)


LOTS = "lots = torch.rand(n_permutations, len(both), generator=generator).argsort(dim=1)\n"
GAPS = "x = both[lots]\ngaps = x[:, : len(a)].mean(dim=1) - x[:, len(a) :].mean(dim=1)\n"
FAR = "far = (gaps.abs() >= observed).sum().item()\n"
P = "return (1 + far) / (1 + n_permutations)"
SIGNED = "observed = (a.double().mean() - b.double().mean()) - 1e-9\n"

WRONG = [
    p_value("without the 1", LOTS + GAPS + FAR + "return far / n_permutations", "add 1 above and"),
    p_value(
        "the 1 above only", LOTS + GAPS + FAR + "return (1 + far) / n_permutations", "added above"
    ),
    p_value(
        "the 1 below only",
        LOTS + GAPS + FAR + "return far / (1 + n_permutations)",
        "added below only",
    ),
    p_value(
        "one-sided",
        LOTS + GAPS + SIGNED + FAR.replace(".abs()", "") + P,
        "in the OTHER direction counts too",
    ),
    p_value(
        "signed against the absolute",
        LOTS + GAPS + FAR.replace(".abs()", "") + P,
        "Is an abs() missing?",
    ),
    p_value(
        "twice the smaller side",
        LOTS + GAPS + SIGNED + "up = (1 + (gaps >= observed).sum().item()) / (1 + n_permutations)\n"
        "down = (1 + (gaps <= observed + 2e-9).sum().item()) / (1 + n_permutations)\n"
        "return min(1.0, 2 * min(up, down))",
        "twice the smaller one-sided value",
    ),
    p_value(
        "strictly farther",
        LOTS + GAPS + "far = (gaps.abs() > observed * (1 + 1e-8)).sum().item()\n" + P,
        "Equal differences are left out",
    ),
    p_value(
        "with replacement",
        "lots = torch.randint(len(both), (n_permutations, len(both)), generator=generator)\n"
        + GAPS
        + FAR
        + P,
        "Is it drawn with replacement",
    ),
    p_value(
        "sums",
        LOTS + GAPS.replace("mean(", "sum(") + "observed = (a.double().sum() - b.sum()).abs()"
        " * (1 - 1e-9)\n" + FAR + P,
        "Sums are compared",
    ),
    p_value(
        "medians",
        LOTS
        + GAPS.replace("mean(dim=1)", "median(dim=1).values")
        + "observed = (a.double().median() - b.median()).abs() * (1 - 1e-9)\n"
        + FAR
        + P,
        "Medians are compared",
    ),
    p_value(
        "within the groups",
        "one = torch.rand(n_permutations, len(a), generator=generator).argsort(dim=1)\n"
        "two = torch.rand(n_permutations, len(b), generator=generator).argsort(dim=1) + len(a)\n"
        "lots = torch.cat([one, two], dim=1)\n" + GAPS + FAR + P,
        "Is every group shuffled by itself",
    ),
    p_value(
        "absolute values of the means",
        LOTS + GAPS.replace("mean(dim=1)", "mean(dim=1).abs()") + FAR + P,
        "The means' absolute values are subtracted",
    ),
    p_value(
        "less far",
        LOTS + GAPS + FAR.replace(">=", "<") + P,
        "Count the divisions that are as far apart, not the others",
    ),
    p_value("global draw", (LOTS + GAPS + FAR + P).replace(", generator=generator", ""), "global"),
    p_value(
        "one permutation",
        "lots = torch.randperm(len(both), generator=generator).expand(n_permutations, -1)\n"
        + GAPS
        + FAR
        + P,
        "means as far apart as",
    ),
    sets(
        "with replacement",
        "left = torch.tensor([i for i in range(n_items) if i not in excluded.tolist()])\n"
        "return left[torch.randint(len(left), (n_sets, size), generator=generator)]",
        "has a member twice",
    ),
    sets(
        "excluded forgotten",
        "return torch.rand(n_sets, n_items, generator=generator).argsort(dim=1)[:, :size]",
        "Are the excluded left in?",
    ),
    sets(
        "places in the shorter list",
        "left = n_items - len(excluded)\n"
        "return torch.rand(n_sets, left, generator=generator).argsort(dim=1)[:, :size]",
        "Are these places in a shorter list",
    ),
    sets(
        "one set again and again",
        "lots = torch.rand(n_items, generator=generator)\nlots[excluded] = torch.inf\n"
        "return lots.argsort()[:size].expand(n_sets, -1).clone()",
        "All sets are the same one",
    ),
    sets(
        "windows of one order",
        "lots = torch.rand(n_items, generator=generator)\nlots[excluded] = torch.inf\n"
        "order = lots.argsort()[: n_items - len(excluded)]\n"
        "start = torch.randint(len(order), (n_sets, 1), generator=generator)\n"
        "return order[(start + torch.arange(size)) % len(order)]",
        "should come about",
    ),
    sets(
        "the first items",
        "left = [i for i in range(n_items) if i not in excluded.tolist()]\n"
        "return torch.tensor(left[:size]).expand(n_sets, -1).clone()",
        "All sets are the same one",
    ),
    sets(
        "the last item never",
        "lots = torch.rand(n_sets, n_items, generator=generator)\nlots[:, excluded] = 9.0\n"
        "lots[:, -1] += 2\nreturn lots.argsort(dim=1)[:, :size]",
        "never occur",
    ),
    sets(
        "one member too many",
        "lots = torch.rand(n_sets, n_items, generator=generator)\nlots[:, excluded] = torch.inf\n"
        "return lots.argsort(dim=1)[:, : size + 1]",
        "are asked for; a table of shape",
    ),
    sets(
        "excluded drawn last but not first",
        "lots = torch.rand(n_sets, n_items, generator=generator)\nlots[:, excluded] = 0.0\n"
        "return lots.argsort(dim=1)[:, :size]",
        "has the excluded",
    ),
    sets(
        "global draw",
        "lots = torch.rand(n_sets, n_items)\nlots[:, excluded] = torch.inf\n"
        "return lots.argsort(dim=1)[:, :size]",
        "global random state",
    ),
    sets(
        "skipped upwards",
        "lots = torch.rand(n_sets, n_items - len(excluded), generator=generator)\n"
        "drawn = lots.argsort(dim=1)[:, :size]\n"
        "for item in excluded.tolist():\n    drawn = torch.where(drawn == item, item + 1, drawn)\n"
        "return drawn",
        "The set [",
    ),
]

RIGHT = [
    Right(
        "0.11",
        "one permutation at a time",
        body={
            "permutation_p_value": """
            as_far = 1
            for _ in range(n_permutations):
                mixed = both[torch.randperm(len(both), generator=generator)]
                gap = mixed[: len(a)].mean() - mixed[len(a) :].mean()
                as_far += int(gap >= observed or gap <= -observed)
            return as_far / (n_permutations + 1)
            """
        },
    ),
    Right(
        "0.11",
        "the sum of one group decides",
        body={
            "permutation_p_value": """
            lots = torch.rand(n_permutations, len(both), generator=generator)
            taken = lots.topk(len(a), dim=1).indices
            total = both[taken].sum(1)
            gaps = total / len(a) - (both.sum() - total) / len(b)
            return (1 + int((gaps.abs() + 1e-12 >= observed).sum())) / (1 + n_permutations)
            """
        },
    ),
    Right(
        "0.12",
        "multinomial",
        body={
            "random_sets": "weights = torch.ones(n_sets, n_items)\nweights[:, excluded] = 0\n"
            "return torch.multinomial(weights, size, generator=generator)"
        },
    ),
    Right(
        "0.12",
        "one set at a time",
        body={
            "random_sets": """
            banned = set(excluded.tolist())
            left = torch.tensor([item for item in range(n_items) if item not in banned])
            rows = [torch.randperm(len(left), generator=generator)[:size] for _ in range(n_sets)]
            return left[torch.stack(rows)].sort(dim=1).values
            """
        },
    ),
]
