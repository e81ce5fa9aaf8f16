"""Mistakes in data.py (1.1, 1.2), and right answers written another way.

Their words are parts of the graders' own diagnoses: two answers that draw in another order are
never equal, so a record can be compared with an answer by statistics only.
"""

from tests.grading.mistakes import mistakes, right_answers

U, P = "draw_uniform(probability, batch, generator)", "probability[:, None, :]"


def rand(inst="len(probability)", batch="batch", n="probability.shape[1]"):
    """A draw in which one axis may be of size 1."""
    return f"torch.rand({inst}, {batch}, {n}, generator=generator, dtype=probability.dtype)"


RANDN = rand().replace("rand(", "randn(")
ONE_FEATURE, ONE_EXAMPLE, ONE_INSTANCE = rand(n=1), rand(batch=1), rand(inst=1)


def features(mask=U, strength=U, before=""):
    """Sparse features from one draw for the mask and one for the strengths."""
    return f"{before}return torch.where({mask} < {P}, {strength}, 0.0)"


USES_BOTH = "u = " + U + "\n"
SPARSE_FEATURES = mistakes(
    "1.1",
    "sparse_features",
    unnamed={
        "always has strength 1": f"return ({U} < {P}).to(probability.dtype)",
        "These are 1 - p": f"return torch.where({U} > {P}, {U}, 0.0)",
        "it has to be rescaled": [
            features("u", "u", USES_BOTH),
            features(
                "mask",
                before=f"state = generator.get_state()\nmask = {U}\ngenerator.set_state(state)\n",
            ),
        ],
        "decide over all features of an exam": features(ONE_FEATURE),
        "in all examples or in none": features(ONE_EXAMPLE),
        "in the same examples of two instances": features(ONE_INSTANCE),
        "Is randn used": features(strength=RANDN),
        "Are they drawn from -1 to 1": [
            features(strength=f"2 * {U} - 1"),
            features(strength=f"-{U}"),
        ],
        "with one example each": (
            f"mask = {U}.argsort(dim=1) < (batch * {P}).round()\nreturn torch.where(mask, {U}, 0.0)"
        ),
        "of two features of an example": features(strength=ONE_FEATURE),
        "always has strength": features(strength=ONE_EXAMPLE),
        "of one instance and the next": features(strength=ONE_INSTANCE),
        "the mean probability of its instance": (
            f"return torch.where({U} < probability.mean(1)[:, None, None], {U}, 0.0)"
        ),
        "is the mask missing": f"return {U}",
        "is on with probability": (
            USES_BOTH + "rank = u.argsort(-1).argsort(-1)\n"
            "how_many = probability.sum(1).round().long()[:, None, None]\n"
            f"return torch.where(rank < how_many, {U}, 0.0)"
        ),
        "These are squares": features(strength=f"torch.where({U} < {P}, {U}, 0.0)"),
        "NaN": USES_BOTH + f"return (u < {P}) * u / {P}",
        "global random state": features(f"torch.rand_like({U})"),
        "Two generators give the same features": features(
            before="generator = torch.Generator().manual_seed(0)\n"
        ),
        "is a number used for both": features("u", "u.roll(1, -1)", USES_BOTH),
        "Expected the shape": features(before="batch = 1\n"),
        "of the example before is on": features("u", "u.roll(1, 1)", USES_BOTH),
        "of instance 0 is on": features("u", "u.roll(1, 0)", USES_BOTH),
        "view and reshape do not move axes": """
            inst, n = probability.shape
            u, strength = torch.rand(2, batch, inst, n, generator=generator)
            return torch.where(u < probability, strength, 0.0).view(inst, batch, n).double()
            """,
    },
)


def together(on=f"{U} < {P}", strengths=f"{U}, {U}", joined="torch.stack(parts, -1).flatten(-2)"):
    """Correlated pairs from one mask and the strengths of both features."""
    return (
        f"u = {U}\non = {on}\nparts = [torch.where(on, s, 0.0) for s in ({strengths})]\n"
        f"return {joined}"
    )


CORRELATED = mistakes(
    "1.2",
    "correlated_pairs",
    unnamed={
        "two draws. (The same strength for both": together(strengths=f"[{U}] * 2"),
        "without the other": (
            "return sparse_features(probability.repeat_interleave(2, 1), batch, generator)"
        ),
        "one decision for both features, not two": together(f"(u < {P}) & ({U} < {P})"),
        "another order": together(joined="torch.cat(parts, -1)"),
        "These are halves of it": together(f"u < {P} / 2"),
        "it has to be rescaled": together(f"u < {P}", "u, u"),
        "always has strength 1": together(strengths="torch.ones_like(u), torch.ones_like(u)"),
        "two pairs of an example (does one draw": together(f"{ONE_FEATURE} < {P}"),
        "one instance and the next (is there an inst axis": together(f"{ONE_INSTANCE} < {P}"),
        "the strengths of one instance and the next": together(
            strengths=f"{ONE_INSTANCE}.expand_as(u), {ONE_INSTANCE}.expand_as(u)"
        ),
    },
)


def apart(one=f"u < {P}", two=f"u > 1 - {P}", strengths="s, s", before=f"u = {U}\n", joined=""):
    """Anti-correlated pairs from the masks and the strengths of both features."""
    joined = joined or "torch.stack([x * one, y * two], -1).flatten(-2)"
    return f"{before}s = {U}\none, two = {one}, {two}\nx, y = {strengths}\nreturn {joined}"


COIN = f"u, coin = {U}, {U} < 0.5\n"
TWO_DRAWS = f"u, v = {U}, {U}\n"
ANTICORRELATED = mistakes(
    "1.2",
    "anticorrelated_pairs",
    unnamed={
        "These are halves of it": [
            apart(f"u < {P} / 2", f"u > 1 - {P} / 2"),
            apart(f"(u < {P}) & coin", f"(u < {P}) & ~coin", before=COIN),
        ],
        "In": "return sparse_features(probability.repeat_interleave(2, 1), batch, generator)",
        "do the two ranges": apart(two=f"u > {P} / 2"),
        "is on with probability": apart(two=f"u >= {P}"),
        "p (1 - p)": apart(two=f"(v < {P}) & (u >= {P})", before=TWO_DRAWS),
        "own draw is off: p (1 - p)": apart(
            f"(u < {P}) & (v >= {P})", f"(v < {P}) & (u >= {P})", before=TWO_DRAWS
        ),
        "another order": apart(joined="torch.cat([x * one, y * two], -1)"),
        "Strengths are between 0 and 1": apart(strengths="s, -s"),
        "it has to be rescaled": apart(strengths="u, u"),
        "always has strength 1": apart(strengths="1.0, 1.0"),
        "two pairs of an example (does one draw": apart(before=f"u = {ONE_FEATURE}\n"),
        "global random state": apart(before=f"u = torch.rand_like({U})\n"),
        "the strengths of one instance and the next": apart(
            strengths="r, r", before=f"u, r = {U}, {ONE_INSTANCE}\n"
        ),
        "one is switched off: that removes": apart(
            f"(u < {P}) & ~((v < {P}) & coin)",
            f"(v < {P}) & ~((u < {P}) & ~coin)",
            before=f"u, v, coin = {U}, {U}, {U} < 0.5\n",
        ),
        "does a draw lack the batch axis": apart(
            f"(u < 2 * {P}) & coin",
            f"(u < 2 * {P}) & ~coin",
            before=f"u, coin = {U}, ({U} < 0.5)[:, :1]\n",
        ),
    },
)
RIGHT_1_1 = right_answers(
    "1.1",
    "sparse_features",
    {
        "two draws": features(),
        "bernoulli times rand": """
            wide = probability[:, None].expand(-1, batch, -1)
            on = torch.bernoulli(wide, generator=generator)
            return on * torch.rand(wide.shape, generator=generator, dtype=on.dtype)
            """,
        "a loop over the instances": """
            out = []
            for p in probability:
                x = torch.rand(batch, len(p), generator=generator)
                x[torch.rand(batch, len(p), generator=generator) >= p] = 0
                out.append(x.to(p.dtype))
            return torch.stack(out)
            """,
    },
)
RIGHT_1_2 = right_answers(
    "1.2",
    "correlated_pairs",
    {
        "put into place": {
            "correlated_pairs": """
            inst, n_pairs = probability.shape
            x = torch.rand(inst, batch, 2 * n_pairs, generator=generator)
            on = torch.rand(inst, batch, n_pairs, generator=generator) < probability[:, None]
            return x * on.repeat_interleave(2, dim=-1)
            """,
            "anticorrelated_pairs": """
            inst, n_pairs = probability.shape
            out = torch.zeros(inst, batch, n_pairs, 2, dtype=probability.dtype)
            strength = draw_uniform(probability, batch, generator)
            coin = draw_uniform(probability, batch, generator) < 0.5
            on = draw_uniform(probability, batch, generator) < 2 * probability[:, None]
            out[..., 0] = strength * (on & coin)
            out[..., 1] = strength * (on & ~coin)
            return out.reshape(inst, batch, 2 * n_pairs)
            """,
        },
        "one draw, rescaled": {
            "correlated_pairs": together(),
            "anticorrelated_pairs": """
            u = draw_uniform(probability, batch, generator)
            chance = probability[:, None, :]
            safe = chance.clamp(min=1e-12)
            first = torch.where(u < chance, u / safe, 0.0)
            second = torch.where((u >= chance) & (u < 2 * chance), (u - chance) / safe, 0.0)
            return rearrange([first, second], 'k i b p -> i b (p k)')
            """,
        },
    },
)
