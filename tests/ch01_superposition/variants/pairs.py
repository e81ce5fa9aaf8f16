"""Answers to 1.2."""

from tests.grading.variants import Right, Wrong

U = "draw_uniform(probability, batch, generator)"
CHANCE = "chance = probability[:, None, :]\n"


def both(on="u < chance", strength=U, first=f"u = {U}\n" + CHANCE):
    """Correlated pairs with one part changed."""
    return (
        f"{first}on = {on}\nstrengths = [{strength} for _ in range(2)]\n"
        "parts = [torch.where(on, s, 0.0) for s in strengths]\n"
        "return torch.stack(parts, -1).flatten(-2)"
    )


def either(first="u < chance", second="u > 1 - chance", start=f"u = {U}\n", end="(s, s)"):
    """Anti-correlated pairs with one part changed."""
    return (
        f"{start}s = {U}\n{CHANCE}one, two = {first}, {second}\nx, y = {end}\n"
        "return torch.stack([x * one, y * two], -1).flatten(-2)"
    )


def together(name, answer, says):
    return Wrong("1.2", f"correlated: {name}", body={"correlated_pairs": answer}, says=says)


def apart(name, answer, says):
    return Wrong(
        "1.2", f"anti-correlated: {name}", body={"anticorrelated_pairs": answer}, says=says
    )


def rand(shape):
    return f"torch.rand({shape}, generator=generator, dtype=probability.dtype)"


ROW = rand("len(probability), batch, 1")
ONE_INSTANCE = rand("1, batch, probability.shape[1]")

WRONG = [
    together(
        "equal strengths",
        both(strength="s").replace("strengths =", f"s = {U}\nstrengths ="),
        "two draws. (The same strength for both",
    ),
    together(
        "drawn apart",
        "return sparse_features(probability.repeat_interleave(2, 1), batch, generator)",
        "without the other",
    ),
    together(
        "two decisions",
        both(on=f"(u < chance) & ({U} < chance)"),
        "one decision for both features, not two",
    ),
    together(
        "blocks", both().replace("stack(parts, -1).flatten(-2)", "cat(parts, -1)"), "another order"
    ),
    together("halves", both(on="u < chance / 2"), "Those are halves of it"),
    together("strength from the mask", both(strength="u"), "it has to be stretched"),
    together("always 1", both(strength="torch.ones_like(u)"), "always has strength 1"),
    together(
        "one mask for all pairs",
        both(on=f"{ROW} < chance"),
        "two pairs of an example (does one draw",
    ),
    together(
        "mask shared by the instances",
        both(on=f"{ONE_INSTANCE} < chance"),
        "one instance and the next (is there an inst axis",
    ),
    apart("halved", either("u < chance / 2", "u > 1 - chance / 2"), "Those are halves of it"),
    apart(
        "a coin for one of two, without 2 p",
        either("(u < chance) & coin", "(u < chance) & ~coin", f"u, coin = {U}, {U} < 0.5\n"),
        "Those are halves of it",
    ),
    apart(
        "independent",
        "return sparse_features(probability.repeat_interleave(2, 1), batch, generator)",
        "In",
    ),
    apart("ranges that overlap", either(second="u > chance / 2"), "do the two ranges"),
    apart("complement", either(second="u >= chance"), "is on with probability"),
    apart(
        "the first goes first",
        either(second="(v < chance) & (u >= chance)", start=f"u, v = {U}, {U}\n"),
        "p (1 - p)",
    ),
    apart(
        "a clash switches both off",
        either(
            "(u < chance) & (v >= chance)", "(v < chance) & (u >= chance)", f"u, v = {U}, {U}\n"
        ),
        "own draw is off: p (1 - p)",
    ),
    apart(
        "blocks",
        either().replace(
            "stack([x * one, y * two], -1).flatten(-2)", "cat([x * one, y * two], -1)"
        ),
        "another order",
    ),
    apart("negative partner", either(end="(s, -s)"), "Strengths lie between 0 and 1"),
    apart("strength from the mask", either(end="(u, u)"), "it has to be stretched"),
    apart("always 1", either(end="(1.0, 1.0)"), "always has strength 1"),
    apart(
        "one draw for all pairs",
        either(start=f"u = {ROW}\n"),
        "two pairs of an example (does one draw",
    ),
    apart(
        "global",
        either(
            start="u = torch.rand(len(probability), batch, "
            "probability.shape[1], dtype=probability.dtype)\n"
        ),
        "global random state",
    ),
]

RIGHT = [
    Right(
        "1.2",
        "put into place",
        body={
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
    ),
    Right(
        "1.2",
        "one draw, stretched",
        body={
            "correlated_pairs": both(),
            "anticorrelated_pairs": f"u = {U}\n" + CHANCE + "safe = chance.clamp(min=1e-12)\n"
            "first = torch.where(u < chance, u / safe, 0.0)\n"
            "second = torch.where((u >= chance) & (u < 2 * chance), (u - chance) / safe, 0.0)\n"
            "return rearrange([first, second], 'k i b p -> i b (p k)')",
        },
    ),
]
