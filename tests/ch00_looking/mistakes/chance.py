"""Mistakes in 0.11 and 0.12, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

LOTS = "lots = torch.rand(n_permutations, len(both), generator=generator).argsort(dim=1)\n"
GAPS = "x = both[lots]\ngaps = x[:, : len(a)].mean(dim=1) - x[:, len(a) :].mean(dim=1)\n"
FAR = "far = (gaps.abs() >= observed).sum().item()\n"
P = "return (1 + far) / (1 + n_permutations)"
DOUBLED = "return min(1.0, 2 * "
SIGNED = "observed = (a.double().mean() - b.double().mean()) - 1e-9\n"

P_VALUE = mistakes(
    "0.11",
    "permutation_p_value",
    {
        "Add 1 to both counts: the observed division is one of the permutations.": (
            LOTS + GAPS + FAR + "return far / n_permutations"
        ),
        "Is the 1 added to the numerator only? Divide by 1 + n_permutations.": (
            LOTS + GAPS + FAR + "return (1 + far) / n_permutations"
        ),
        "Is the 1 added to the denominator only? Add it to the count too.": (
            LOTS + GAPS + FAR + "return far / (1 + n_permutations)"
        ),
        "Is it one-sided? A difference in the other direction counts too.": (
            LOTS + GAPS + SIGNED + FAR.replace(".abs()", "") + P
        ),
        "Is the absolute value of the permuted differences missing?": [
            LOTS + GAPS + FAR.replace("gaps.abs()", gaps) + P for gaps in ("gaps", "-gaps")
        ],
        "Is the absolute value missing, and the result doubled? Count absolute differences.": [
            LOTS + GAPS + FAR.replace("gaps.abs()", gaps) + end
            for gaps in ("gaps", "-gaps")
            for end in (P.replace("return ", "return 2 * "), P.replace("return ", DOUBLED) + ")")
        ],
        "Is the result doubled? Absolute differences count both directions already.": [
            LOTS + GAPS + FAR + P.replace("return ", "return 2 * "),
            LOTS + GAPS + FAR + P.replace("return ", DOUBLED) + ")",
        ],
        "Are the means added? Take their difference.": (
            LOTS + GAPS.replace("mean(dim=1) - x", "mean(dim=1) + x") + FAR + P
        ),
        "Are the permuted differences divided by their spread? `observed` is not.": (
            LOTS + GAPS + FAR.replace("gaps.abs()", "(gaps / gaps.std()).abs()") + P
        ),
        "Is the fraction of the permutations used as their count?": (
            LOTS + GAPS + FAR.replace(".sum()", ".double().mean()") + P
        ),
        "Is the 1 added twice?": [
            LOTS + GAPS + FAR + P.replace("(1 + far)", "(2 + far)"),
            LOTS + GAPS + FAR + P.replace("(1 + n_", "(2 + n_"),
        ],
        "Is this 1 - p?": LOTS + GAPS + FAR + P.replace("return ", "return 1 - "),
        "Are brackets missing around the sums?": [
            LOTS + GAPS + FAR + "return 1 + far / (1 + n_permutations)",
            LOTS + GAPS + FAR + "return (1 + far) / n_permutations + 1",
            LOTS + GAPS + FAR + "return 1 + far / n_permutations + 1",
        ],
        "Is it rounded down to a whole number?": LOTS + GAPS + FAR + P.replace(") / (", ") // ("),
        "Is the difference squared and compared with `observed`? Compare absolute values.": (
            LOTS + GAPS + FAR.replace("gaps.abs()", "gaps**2") + P
        ),
        "Are absolute values averaged? Take the absolute value of the difference of the means.": (
            LOTS + GAPS.replace("both[lots]", "both[lots].abs()") + FAR + P
        ),
        "Are the differences averaged before they are compared? Count them one by one.": (
            LOTS + GAPS + FAR.replace("gaps.abs()", "gaps.mean().abs()") + P
        ),
        "Is argsort along the permutations (axis 0)? Sort along the values.": (
            LOTS.replace("dim=1", "dim=0") + GAPS + FAR + P
        ),
        "Are the values cut into halves? The groups keep the sizes of a and b.": (
            LOTS + GAPS.replace("len(a)", "len(both) // 2") + FAR + P
        ),
        "Do the two groups share values? The second one begins after the first.": [
            LOTS + GAPS.replace("len(a) :", new) + FAR + P for new in (": len(b)", "len(a) - 1 :")
        ],
        "Is a value in neither group? The first has len(a) values, and the second has the rest.": [
            LOTS + GAPS.replace("len(a) :", "len(a) + 1 :") + FAR + P,
            LOTS + GAPS.replace(": len(a)", ": len(a) - 1") + FAR + P,
            LOTS + GAPS.replace("len(a) :", "len(a) : -1") + FAR + P,
        ],
        "Is only one group shuffled? Both groups are parts of one shuffle.": [
            LOTS + GAPS.replace("x[:, len(a) :].mean(dim=1)", "b.double().mean()") + FAR + P,
            LOTS + GAPS.replace("x[:, : len(a)].mean(dim=1)", "a.double().mean()") + FAR + P,
        ],
        "Is a group compared with all values? Compare it with the other group.": (
            LOTS + GAPS.replace("x[:, len(a) :].mean(dim=1)", "both.mean()") + FAR + P
        ),
        "Are the groups taken from two shuffles? Both are parts of one.": (
            LOTS
            + LOTS.replace("lots", "more")
            + "y = both[more]\n"
            + GAPS.replace("x[:, len(a) :]", "y[:, len(a) :]")
            + FAR
            + P
        ),
        "Is each value put into a group by a coin? The groups keep their sizes.": (
            "mask = torch.rand(n_permutations, len(both), generator=generator)"
            " < len(a) / len(both)\n"
            "one = (both * mask).sum(1) / mask.sum(1)\n"
            "gaps = one - (both * ~mask).sum(1) / (~mask).sum(1)\n" + FAR + P
        ),
        "Is it twice the smaller one-sided value? Count absolute differences.": (
            LOTS + GAPS + SIGNED + "n = 1 + n_permutations\n"
            "up = (1 + (gaps >= observed).sum().item()) / n\n"
            "down = (1 + (gaps <= observed + 2e-9).sum().item()) / n\n"
            "return min(1.0, 2 * min(up, down))"
        ),
        "Are equal differences left out (>)? Count those that are at least as large (>=).": (
            LOTS + GAPS + "far = (gaps.abs() > observed * (1 + 1e-8)).sum().item()\n" + P
        ),
        "Is it drawn with replacement? A permutation uses every value once.": (
            "lots = torch.randint(len(both), (n_permutations, len(both)), generator=generator)\n"
            + GAPS
            + FAR
            + P
        ),
        "Are sums compared? The groups differ in size, so compare means.": [
            LOTS + GAPS.replace("mean(", "sum(") + observed + FAR + P
            for observed in (
                "",
                "observed = (a.double().sum() - b.sum()).abs() * (1 - 1e-9)\n",
            )
        ],
        "Are medians compared? Compare means.": [
            LOTS + GAPS.replace("mean(dim=1)", "median(dim=1).values") + observed + FAR + P
            for observed in (
                "",
                "observed = (a.double().median() - b.median()).abs() * (1 - 1e-9)\n",
            )
        ],
        "Does every value stay in its group? Shuffle both groups together.": [
            LOTS + GAPS.replace("both[lots]", "both.expand_as(lots)") + FAR + P,
            "one = torch.rand(n_permutations, len(a), generator=generator).argsort(dim=1)\n"
            "two = torch.rand(n_permutations, len(b), generator=generator).argsort(dim=1) + len(a)\n"
            "lots = torch.cat([one, two], dim=1)\n" + GAPS + FAR + P,
        ],
        "Are the absolute means subtracted? Take the absolute value of the difference.": (
            LOTS + GAPS.replace("mean(dim=1)", "mean(dim=1).abs()") + FAR + P
        ),
        "Are the smaller differences counted? Count those at least as large.": [
            LOTS + GAPS + FAR.replace(">=", sign) + P for sign in ("<", "<=")
        ],
        "Is there only one permutation, used for all?": (
            "lots = torch.randperm(len(both), generator=generator).expand(n_permutations, -1)\n"
            + GAPS
            + FAR
            + P
        ),
    },
    unnamed={"global random state": (LOTS + GAPS + FAR + P).replace(", generator=generator", "")},
)
DRAW = "lots = torch.rand(n_sets, n_items, generator=generator)\n"
LEFT = "left = torch.tensor([i for i in range(n_items) if i not in excluded.tolist()])\n"
OUT = "lots[:, excluded] = torch.inf\n"
SORT = "return lots.argsort(dim=1)[:, :size]"
SETS = mistakes(
    "0.12",
    "random_sets",
    {
        "Is it drawn with replacement? The members of a set are distinct.": [
            LEFT + "return left[torch.randint(len(left), (n_sets, size), generator=generator)]",
            "return torch.randint(n_items, (n_sets, size), generator=generator)",
            "weights = torch.ones(n_sets, n_items)\nweights[:, excluded] = 0\n"
            "return torch.multinomial(weights, size, replacement=True, generator=generator)",
        ],
        "Does `lots[excluded]` change sets (rows)? The items are the columns.": (
            DRAW + "lots[excluded] = torch.inf\n" + SORT
        ),
        "These are the random numbers themselves. Return the items: argsort.": [
            DRAW + OUT + "return lots.sort(dim=1).values[:, :size]",
            DRAW + OUT + "return lots.topk(size, dim=1, largest=False).values",
        ],
        "Is argsort along the sets (axis 0)? Sort along the items.": (
            DRAW + OUT + SORT.replace("dim=1", "dim=0")
        ),
        "Are the items with the LARGEST numbers taken? The excluded ones have the largest.": [
            DRAW + OUT + SORT.replace(":size", "-size:"),
            DRAW + OUT + SORT.replace("dim=1", "dim=1, descending=True"),
            DRAW + OUT + "return lots.topk(size, dim=1).indices",
        ],
        "Are these ranks of the items (argsort twice)? Sort once.": (
            DRAW + OUT + SORT.replace("argsort(dim=1)", "argsort(dim=1).argsort(dim=1)")
        ),
        "Is only the first of the excluded items left out?": (
            DRAW + OUT.replace("excluded]", "excluded[:1]]") + SORT
        ),
        "Is the order of all items cut into parts, one set each? Draw each set by itself.": (
            DRAW.replace("n_sets, ", "") + "lots[excluded] = torch.inf\n"
            "order = lots.argsort()[: n_items - len(excluded)].repeat(n_sets)\n"
            "return order[: n_sets * size].reshape(n_sets, size)"
        ),
        "Are the items of a set neighbours? Every allowed set is equally likely.": (
            "start = torch.randint(n_items - size + 1, (n_sets, 1), generator=generator)\n"
            "return start + torch.arange(size)"
        ),
        "Is the last item never drawn?": (DRAW.replace("n_items", "n_items - 1") + OUT + SORT),
        "Is there one item too many? The last one is n_items - 1.": [
            DRAW.replace("n_items", "n_items + 1") + OUT + SORT,
        ],
        "Are the items counted from 1? They are 0 to n_items - 1.": DRAW + OUT + SORT + " + 1",
        "Are the excluded items taken to be the first ones?": (
            DRAW.replace("n_items", "n_items - len(excluded)") + SORT + " + len(excluded)"
        ),
        "Is an excluded item replaced after the draw? The other one may be in the set already.": [
            LEFT + DRAW + SORT.replace("return", "drawn =") + "\n"
            "bad = torch.isin(drawn, excluded)\n" + change + "\nreturn drawn"
            for change in (
                "drawn[bad] = left[0]",
                "more = torch.randint(len(left), (int(bad.sum()),), generator=generator)\n"
                "drawn[bad] = left[more]",
            )
        ],
        "Are the excluded items left in?": DRAW + SORT,
        "Are these places in the shorter list of allowed items? Return the items.": (
            DRAW.replace("n_items", "n_items - len(excluded)") + SORT
        ),
        "Is one set drawn and repeated? Draw each set by itself.": (
            DRAW.replace("n_sets, ", "") + "lots[excluded] = torch.inf\n"
            "return lots.argsort()[:size].expand(n_sets, -1).clone()"
        ),
        "Is one order of the items cut into windows? Draw each set by itself.": (
            DRAW.replace("n_sets, ", "") + "lots[excluded] = torch.inf\n"
            "order = lots.argsort()[: n_items - len(excluded)]\n"
            "start = torch.randint(len(order), (n_sets, 1), generator=generator)\n"
            "return order[(start + torch.arange(size)) % len(order)]"
        ),
        "Is every set the first allowed items?": [
            LEFT + "return left[:size].expand(n_sets, -1).clone()",
            LEFT + "rows = [torch.randperm(size, generator=generator) for _ in range(n_sets)]\n"
            "return left[torch.stack(rows)]",
        ],
        "Is the table transposed? A set is a row.": DRAW + OUT + SORT + ".T",
        "Are the columns cut at n_sets? A set has `size` items.": (
            DRAW + OUT + SORT.replace(":size", ":n_sets")
        ),
        "Are the excluded items given the SMALLEST numbers? Then they are drawn first.": (
            DRAW + "lots[:, excluded] = 0.0\n" + SORT
        ),
        "Is a place shifted by the excluded items up to its own number? Neighbours shift it more.": (
            DRAW.replace("n_items", "n_items - len(excluded)")
            + "place = lots.argsort(dim=1)[:, :size]\n"
            "return place + (excluded <= place[..., None]).sum(dim=-1)"
        ),
        "Is an excluded item replaced by the next one? Then that one is drawn twice as often.": (
            DRAW.replace("n_items", "n_items - len(excluded)")
            + "drawn = lots.argsort(dim=1)[:, :size]\nfor item in excluded.tolist():\n"
            "    drawn = torch.where(drawn == item, item + 1, drawn)\nreturn drawn"
        ),
    },
    unnamed={
        "never occur": DRAW + "lots[:, excluded] = 9.0\nlots[:, -1] += 2\n" + SORT,
        "got a table of shape": DRAW + OUT + SORT.replace(":size", ": size + 1"),
        "global random state": DRAW.replace(", generator=generator", "") + OUT + SORT,
    },
)
RIGHT = [
    *right_answers(
        "0.11",
        "permutation_p_value",
        {
            "one permutation at a time": """
                as_far = 1
                for _ in range(n_permutations):
                    mixed = both[torch.randperm(len(both), generator=generator)]
                    gap = mixed[: len(a)].mean() - mixed[len(a) :].mean()
                    as_far += int(gap >= observed or gap <= -observed)
                return as_far / (n_permutations + 1)
            """,
            "the sum of one group decides": """
                lots = torch.rand(n_permutations, len(both), generator=generator)
                taken = lots.topk(len(a), dim=1).indices
                total = both[taken].sum(1)
                gaps = total / len(a) - (both.sum() - total) / len(b)
                return (1 + int((gaps.abs() + 1e-12 >= observed).sum())) / (1 + n_permutations)
            """,
        },
    ),
    *right_answers(
        "0.12",
        "random_sets",
        {
            "multinomial": (
                "weights = torch.ones(n_sets, n_items)\nweights[:, excluded] = 0\n"
                "return torch.multinomial(weights, size, generator=generator)"
            ),
            "one set at a time": (
                LEFT + "rows = [torch.randperm(len(left), generator=generator)[:size]"
                " for _ in range(n_sets)]\nreturn left[torch.stack(rows)].sort(dim=1).values"
            ),
        },
    ),
]
