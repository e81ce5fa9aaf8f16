"""Mistakes in corrupt_subject (5.10), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

STD = "std = scale * model.embed.W_E.std()\n"
DRAW = "noise = torch.randn(n_samples, *clean.shape, generator=generator).to(clean)\n"
ADD = "return clean + std * noise * subject[..., None]"
AT = STD + DRAW + "return clean + std * noise * {}"
WITH = "std = {}\n" + DRAW + ADD
SIZED = STD + "noise = torch.randn({}, generator=generator).to(clean)\n" + ADD
UNIFORM = STD + "noise = torch.rand(n_samples, *clean.shape, generator=generator).to(clean)\n"

WHERE = mistakes(
    "5.10",
    "corrupt_subject",
    {
        "Is there noise at the whole prompt? Corrupt the subject only.": AT.format("1.0"),
        "Is the noise everywhere but at the subject?": AT.format("~subject[..., None]"),
        "Are all prompts corrupted at all subjects' positions? Each has its own subject.": (
            AT.format("subject.any(dim=0)[:, None]")
        ),
        "Do all prompts use the first one's positions? Each has its own subject.": (
            AT.format("subject[0][:, None]")
        ),
        "Is only the last word of each subject corrupted?": AT.format(
            "(subject & (subject.flip(1).cumsum(1).flip(1) == 1))[..., None]"
        ),
        "Is only the first word of each subject corrupted?": AT.format(
            "(subject & (subject.cumsum(1) == 1))[..., None]"
        ),
        "Is there noise after the subject too?": AT.format("(subject.cumsum(1) > 0)[..., None]"),
        "Is there noise before the subject too?": AT.format(
            "(subject.flip(1).cumsum(1).flip(1) > 0)[..., None]"
        ),
        "Is there noise on the first prompt alone? Each prompt has its own subject.": AT.format(
            "subject[..., None] * (torch.arange(len(tokens)) == 0)[:, None, None]"
        ),
        "Does the noise replace the embedding? Add it.": (
            STD + DRAW + "return torch.where(subject[..., None], std * noise, clean)"
        ),
        "Is the embedding multiplied by the noise? Add it.": (
            STD + DRAW + "return clean * torch.where(subject[..., None], 1 + std * noise, 1.0)"
        ),
        "Does `subject` lack an axis? With [..., None] it lines up with d_model.": AT.format(
            "subject"
        ),
        "Are samples the second axis? They are the first.": (
            STD + DRAW + "return (clean + std * noise * subject[..., None]).transpose(0, 1)"
        ),
        "Is there one sample without an axis? The result is [sample, batch, pos, d_model].": [
            STD + DRAW + "return (clean + std * noise * subject[..., None])[0]",
            STD + DRAW + "return (clean + std * noise * subject[..., None]).mean(0)",
        ],
        "Are samples and prompts joined into one axis? Keep them apart.": (
            STD + DRAW + "return (clean + std * noise * subject[..., None]).flatten(0, 1)"
        ),
        "There is no noise.": "return clean.expand(n_samples, *clean.shape).clone()",
        "Is this the noise alone? Add it to the clean residual stream.": (
            STD + DRAW + "return std * noise * subject[..., None]"
        ),
    },
)
SIZE = mistakes(
    "5.10",
    "corrupt_subject",
    {
        "Is the noise not multiplied by `scale`?": WITH.format("model.embed.W_E.std()"),
        "Is the factor 3 whatever `scale` is?": WITH.format("3 * model.embed.W_E.std()"),
        "Is it the variance of W_E times scale? Take the root.": (
            WITH.format("scale * model.embed.W_E.var()")
        ),
        "Is it the variance of W_E, without `scale`?": WITH.format("model.embed.W_E.var()"),
        "Does `scale` multiply the variance? It multiplies the standard deviation.": (
            WITH.format("(scale * model.embed.W_E.var()).sqrt()")
        ),
        "Does `scale` multiply twice?": WITH.format("scale**2 * model.embed.W_E.std()"),
        "Is the standard deviation `scale` itself? Multiply by that of W_E.": WITH.format("scale"),
        "Is it the root mean square of W_E? A standard deviation is about the mean.": (
            WITH.format("scale * model.embed.W_E.pow(2).mean().sqrt()")
        ),
        "Is it the norm of an embedding? Take the deviation of single entries.": (
            WITH.format("scale * model.embed.W_E.norm(dim=1).mean()")
        ),
        "Is it the deviation of the residual stream? Take that of W_E alone.": [
            WITH.format("scale * clean.std()"),
            WITH.format("scale * clean[subject].std()"),
            WITH.format("scale * clean.std(dim=(1, 2), keepdim=True)"),
            WITH.format("scale * clean.std(dim=-1, keepdim=True)"),
        ],
        "Is it the deviation over the subjects' embeddings, as in the paper's code? Take all.": (
            WITH.format("scale * model.embed.W_E[tokens[subject]].std()")
        ),
        "Is it the deviation over the prompts' embeddings? Take all of W_E.": (
            WITH.format("scale * model.embed.W_E[tokens].std()")
        ),
        "Is it the mean size of the entries? Take their standard deviation.": (
            WITH.format("scale * model.embed.W_E.abs().mean()")
        ),
        "Is the noise divided by sqrt(d_model)? The deviation is that of each entry.": (
            WITH.format("scale * model.embed.W_E.std() / clean.shape[-1] ** 0.5")
        ),
        "Is `scale` divided by the deviation? Multiply.": WITH.format(
            "scale / model.embed.W_E.std()"
        ),
        "Is it the root of the deviation?": WITH.format("scale * model.embed.W_E.std().sqrt()"),
        "Is the noise of one sign? It has a mean of 0.": STD + DRAW + "noise = noise.abs()\n" + ADD,
        "Is the noise of each vector divided by its norm? Its entries have a given deviation.": (
            STD + DRAW + "noise = noise / noise.norm(dim=-1, keepdim=True)\n" + ADD
        ),
        "Is it the deviation of W_U?": WITH.format("scale * model.unembed.W_U.std()"),
        "Is it the deviation of W_pos?": WITH.format("scale * model.pos_embed.W_pos.std()"),
        "Is std taken along an axis (dim=0)? Take one over all entries.": (
            WITH.format("scale * model.embed.W_E.std(dim=0)")
        ),
        "Is the mean of the columns' deviations taken? Take one over all entries.": (
            WITH.format("scale * model.embed.W_E.std(dim=0).mean()")
        ),
        "Is the mean of the rows' deviations taken? Take one over all entries.": (
            WITH.format("scale * model.embed.W_E.std(dim=1).mean()")
        ),
        "Is the deviation each token's own? Take one over all entries.": (
            WITH.format("scale * model.embed.W_E.std(dim=1)[tokens][..., None]")
        ),
        "Is the noise bounded, as that of torch.rand? Gaussian noise is torch.randn.": [
            UNIFORM + "noise = (noise - 0.5) * 12**0.5\n" + ADD,
            STD + DRAW + "noise = noise.clamp(-2, 2)\n" + ADD,
        ],
        "Is it torch.rand? The noise has a mean of 0.": UNIFORM + "noise = noise * 12**0.5\n" + ADD,
    },
)
DRAWS = mistakes(
    "5.10",
    "corrupt_subject",
    {
        "Is W_E corrupted, so that a token has the same noise everywhere?": (
            STD
            + "table = torch.randn(n_samples, *model.embed.W_E.shape, generator=generator)\n"
            + "return clean + std * table.to(clean)[:, tokens] * subject[..., None]"
        ),
        "Is one sample left clean?": STD + DRAW + "noise[0] = 0\n" + ADD,
        "Do all samples have the same noise? Draw n_samples times.": (
            STD
            + "noise = torch.randn(clean.shape, generator=generator).to(clean)\n"
            + "return (clean + std * noise * subject[..., None]).repeat(n_samples, 1, 1, 1)"
        ),
        "Do all prompts have the same noise at a position? Draw for each prompt.": (
            SIZED.format("n_samples, 1, *clean.shape[1:]")
        ),
        "Do all words have the same noise? Draw for each position.": (
            SIZED.format("n_samples, len(tokens), 1, clean.shape[-1]")
        ),
        "Do all entries of a vector have the same noise? Draw d_model numbers.": (
            SIZED.format("n_samples, *tokens.shape, 1")
        ),
        "Is the generator not used?": [
            STD + "noise = torch.randn(n_samples, *clean.shape).to(clean)\n" + ADD,
            STD + "noise = torch.randn_like(clean.expand(n_samples, *clean.shape))\n" + ADD,
        ],
        "Is a generator seeded inside? Draw from the one that is given, as it is.": [
            STD + f"generator = {seeded}\n" + DRAW + ADD
            for seeded in (
                "generator.manual_seed(0)",
                "torch.Generator().manual_seed(0)",
                "torch.Generator().manual_seed(generator.initial_seed())",
            )
        ],
    },
)
RIGHT = right_answers(
    "5.10",
    "corrupt_subject",
    {
        "only where it is needed": """
            noisy = clean.detach().repeat(n_samples, 1, 1, 1)
            shape = (n_samples, int(subject.sum()), clean.shape[-1])
            draws = torch.empty(shape, dtype=clean.dtype).normal_(generator=generator)
            noisy[:, subject] += scale * model.embed.W_E.detach().std(correction=0) * draws
            return noisy
            """,
        "sample by sample": """
            std = float(model.embed.W_E.flatten().var() ** 0.5)
            rows = []
            for _ in range(n_samples):
                noise = torch.normal(0.0, scale * std, clean.shape, generator=generator)
                rows.append(torch.where(subject[..., None], clean + noise.to(clean), clean))
            return torch.stack(rows)
            """,
    },
)
