"""Answers to 5.10."""

from tests.grading.variants import Right, Wrong


def spoilt(name: str, answer: str, says: str) -> Wrong:
    """A mistake in corrupt_subject."""
    return Wrong("5.10", name, body={"corrupt_subject": answer}, says=says)


STD = "std = scale * model.embed.W_E.std()\n"
DRAW = "noise = torch.randn(n_samples, *clean.shape, generator=generator).to(clean)\n"
ADD = "return clean + std * noise * subject[..., None]"

WRONG = [
    spoilt("whole prompt", STD + DRAW + "return clean + std * noise", "noise on the whole prompt"),
    spoilt(
        "elsewhere",
        STD + DRAW + "return clean + std * noise * ~subject[..., None]",
        "everywhere BUT on the subject",
    ),
    spoilt(
        "places of all texts",
        STD + DRAW + "return clean + std * noise * subject.any(dim=0)[:, None]",
        "the places of ALL texts' subjects",
    ),
    spoilt(
        "places of the first text",
        STD + DRAW + "return clean + std * noise * subject[0][:, None]",
        "All texts have the first one's places",
    ),
    spoilt(
        "last word only",
        STD
        + DRAW
        + "last = subject & (subject.flip(1).cumsum(1).flip(1) == 1)\n"
        + "return clean + std * noise * last[..., None]",
        "Only the last word of each subject",
    ),
    spoilt("none", "return clean.expand(n_samples, *clean.shape).clone()", "no noise at all"),
    spoilt(
        "in place of the stream",
        STD + DRAW + "return std * noise * subject[..., None]",
        "the noise is ADDED to the clean stream",
    ),
    spoilt(
        "not scaled",
        "std = model.embed.W_E.std()\n" + DRAW + ADD,
        "It is not multiplied by `scale`",
    ),
    spoilt(
        "three whatever is asked",
        "std = 3 * model.embed.W_E.std()\n" + DRAW + ADD,
        "It is 3 deviations whatever `scale` says",
    ),
    spoilt(
        "variance",
        "std = scale * model.embed.W_E.var()\n" + DRAW + ADD,
        "VARIANCE of the embedding times scale",
    ),
    spoilt(
        "scale inside the root",
        "std = (scale * model.embed.W_E.var()).sqrt()\n" + DRAW + ADD,
        "`scale` multiplies the variance",
    ),
    spoilt("unit noise", "std = scale\n" + DRAW + ADD, "multiply by that of W_E"),
    spoilt(
        "root mean square",
        "std = scale * model.embed.W_E.pow(2).mean().sqrt()\n" + DRAW + ADD,
        "root mean square of W_E",
    ),
    spoilt(
        "norm of an embedding",
        "std = scale * model.embed.W_E.norm(dim=1).mean()\n" + DRAW + ADD,
        "norm of an embedding",
    ),
    spoilt(
        "of the stream", "std = scale * clean.std()\n" + DRAW + ADD, "This is the deviation of the"
    ),
    spoilt(
        "of the subjects' embeddings",
        "std = scale * model.embed.W_E[tokens[subject]].std()\n" + DRAW + ADD,
        "over the subjects' embeddings",
    ),
    spoilt(
        "of the prompts' embeddings",
        "std = scale * model.embed.W_E[tokens].std()\n" + DRAW + ADD,
        "over the prompts' embeddings",
    ),
    spoilt("of the unembedding", "std = scale * model.unembed.W_U.std()\n" + DRAW + ADD, "of W_U"),
    spoilt(
        "a noisy table",
        STD
        + "table = torch.randn(n_samples, *model.embed.W_E.shape, generator=generator).to(clean)\n"
        + "return clean + std * table[:, tokens] * subject[..., None]",
        "wherever it stands",
    ),
    spoilt("a sample left clean", STD + DRAW + "noise[0] = 0\n" + ADD, "A sample has no noise"),
    spoilt(
        "per entry",
        "std = scale * model.embed.W_E.std(dim=0)\n" + DRAW + ADD,
        "is std taken along an axis (dim=0)",
    ),
    spoilt(
        "per token",
        "std = scale * model.embed.W_E.std(dim=1)[tokens][..., None]\n" + DRAW + ADD,
        "is it each token's own",
    ),
    spoilt(
        "uniform, as wide",
        STD
        + "noise = torch.rand(n_samples, *clean.shape, generator=generator).to(clean)\n"
        + "noise = (noise - 0.5) * 12**0.5\n"
        + ADD,
        "Is it torch.randn?",
    ),
    spoilt(
        "uniform from zero",
        STD
        + "noise = torch.rand(n_samples, *clean.shape, generator=generator).to(clean)\n"
        + "noise = noise * 12**0.5\n"
        + ADD,
        "its own mean is zero",
    ),
    spoilt(
        "one draw for all samples",
        STD
        + "noise = torch.randn(clean.shape, generator=generator).to(clean)\n"
        + "return (clean + std * noise * subject[..., None]).repeat(n_samples, 1, 1, 1)",
        "All samples have the same noise",
    ),
    spoilt(
        "one draw for all texts",
        STD
        + "noise = torch.randn(n_samples, 1, *clean.shape[1:], generator=generator).to(clean)\n"
        + ADD,
        "Texts share the noise of a position",
    ),
    spoilt(
        "one draw for all words",
        STD
        + "size = (n_samples, len(tokens), 1, clean.shape[-1])\n"
        + "noise = torch.randn(size, generator=generator).to(clean)\n"
        + ADD,
        "All words have the same noise",
    ),
    spoilt(
        "one number a vector",
        STD
        + "size = (n_samples, *tokens.shape, 1)\n"
        + "noise = torch.randn(size, generator=generator).to(clean)\n"
        + ADD,
        "All entries of a vector have the same noise",
    ),
    spoilt(
        "global generator",
        STD + "noise = torch.randn(n_samples, *clean.shape).to(clean)\n" + ADD,
        "torch's global generator",
    ),
    spoilt("seeded inside", "generator.manual_seed(0)\n" + STD + DRAW + ADD, "seeded anew inside"),
]

RIGHT = [
    Right(
        "5.10",
        "only where it is needed",
        body={
            "corrupt_subject": """
            noisy = clean.detach().repeat(n_samples, 1, 1, 1)
            shape = (n_samples, int(subject.sum()), clean.shape[-1])
            draws = torch.empty(shape, dtype=clean.dtype).normal_(generator=generator)
            noisy[:, subject] += scale * model.embed.W_E.detach().std(correction=0) * draws
            return noisy
            """
        },
    ),
    Right(
        "5.10",
        "sample by sample",
        body={
            "corrupt_subject": """
            std = float(model.embed.W_E.flatten().var() ** 0.5)
            rows = []
            for _ in range(n_samples):
                noise = torch.normal(0.0, scale * std, clean.shape, generator=generator)
                rows.append(torch.where(subject[..., None], clean + noise.to(clean), clean))
            return torch.stack(rows)
            """
        },
    ),
]
