"""Answers to 1.1."""

from tests.grading.variants import Right, Wrong

U = "draw_uniform(probability, batch, generator)"


def features(name, answer, says):
    return Wrong("1.1", name, body={"sparse_features": answer}, says=says)


def rand(shape):
    return f"torch.rand({shape}, generator=generator, dtype=probability.dtype)"


PLAIN = "return torch.where({} < probability[:, None, :], {}, 0.0)"
ROW = rand("len(probability), batch, 1")
ONE_MASK = rand("len(probability), 1, probability.shape[1]")
ONE_INSTANCE = rand("1, batch, probability.shape[1]")
N = "inst, n = probability.shape\n"

WRONG = [
    features(
        "strengths always 1",
        f"return ({U} < probability[:, None, :]).to(probability.dtype)",
        "always has strength 1",
    ),
    features("1 - p", PLAIN.replace("<", ">").format(U, U), "Those are 1 - p"),
    features("one draw for both", f"u = {U}\n" + PLAIN.format("u", "u"), "it has to be stretched"),
    features("features on together", PLAIN.format(ROW, U), "decide over all features of an exam"),
    features("one mask for the batch", PLAIN.format(ONE_MASK, U), "in all examples or in none"),
    features(
        "mask shared by the instances",
        f"mask = {ONE_INSTANCE}\n" + PLAIN.format("mask", U),
        "in the same examples of two instances",
    ),
    features(
        "normal strengths",
        PLAIN.format(
            U,
            "torch.randn(len(probability), batch, "
            "probability.shape[1], generator=generator).double()",
        ),
        "Is randn used",
    ),
    features(
        "signed strengths",
        f"return torch.where({U} < probability[:, None, :], 2 * {U} - 1, 0.0)",
        "Strengths lie between 0 and 1",
    ),
    features("one strength for an example", PLAIN.format(U, ROW), "of two features of an example"),
    features("one strength for the batch", PLAIN.format(U, ONE_MASK), "always has strength"),
    features(
        "strengths shared by the instances",
        PLAIN.format(U, ONE_INSTANCE),
        "of one instance and the next",
    ),
    features(
        "mean probability",
        f"return torch.where({U} < probability.mean(1)[:, None, None], {U}, 0.0)",
        "the mean probability of its instance",
    ),
    features("no mask", f"return {U}", "is the mask forgotten"),
    features(
        "a fixed number of features on",
        N + f"u = {U}\nhow_many = (probability.sum(1)).round().long()\n"
        "rank = u.argsort(-1).argsort(-1)\n"
        f"return torch.where(rank < how_many[:, None, None], {U}, 0.0)",
        "is on with probability",
    ),
    features(
        "masked twice",
        f"u = {U}\n" + PLAIN.format(U, f"torch.where({U} < probability[:, None, :], {U}, 0.0)"),
        "Those are squares",
    ),
    features(
        "divided by zero", f"u, p = {U}, probability[:, None, :]\nreturn (u < p) * u / p", "NaN"
    ),
    features(
        "global draws",
        f"return torch.where(torch.rand_like({U}) < probability[:, None, :], {U}, 0.0)",
        "global random state",
    ),
    features(
        "seeded inside",
        "generator = torch.Generator().manual_seed(0)\n" + PLAIN.format(U, U),
        "Two generators give the same features",
    ),
    features(
        "two generators of one seed",
        f"state = generator.get_state()\nmask = {U}\ngenerator.set_state(state)\n"
        + PLAIN.format("mask", U),
        "it has to be stretched",
    ),
    features(
        "a neighbour's draw for a strength",
        f"u = {U}\n" + PLAIN.format("u", "u.roll(1, -1)"),
        "is a number used for both",
    ),
    features(
        "one example",
        "batch = 1\n" + PLAIN.format(U, U),
        "make the shape",
    ),
]

RIGHT = [
    Right("1.1", "two draws", body={"sparse_features": PLAIN.format(U, U)}),
    Right(
        "1.1",
        "bernoulli times rand",
        body={
            "sparse_features": "wide = probability[:, None].expand(-1, batch, -1)\n"
            "on = torch.bernoulli(wide, generator=generator)\n"
            "return on * torch.rand(wide.shape, generator=generator, dtype=on.dtype)"
        },
    ),
    Right(
        "1.1",
        "a loop over the instances",
        body={
            "sparse_features": """
            out = []
            for p in probability:
                x = torch.rand(batch, len(p), generator=generator)
                x[torch.rand(batch, len(p), generator=generator) >= p] = 0
                out.append(x.to(p.dtype))
            return torch.stack(out)
            """
        },
    ),
]
