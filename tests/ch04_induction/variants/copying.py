"""Answers to 4.5."""

from tests.grading.variants import Right, Wrong

CENTRED = "centred = raised - raised.mean(dim=-1, keepdim=True)"
OTHERS = "others = of_text.masked_fill(same, 0.0) / (tokens.shape[1] - 1)"
ABOVE, BELOW = "(own - others.sum(dim=-1))", "(own.abs() + others.abs().sum(dim=-1))"
INDEX = "index = tokens[:, None, None, :]"


def copying(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in copying_score_on_text."""
    return Wrong("4.5", name, {old: new}, says=says)


WRONG = [
    copying("not centred", CENTRED, "centred = raised", "is not taken away"),
    copying(
        "centred over the text",
        OTHERS,
        "of_text = of_text - of_text.mean(-1, keepdim=True)\n"
        "    own = of_text.masked_fill(~same, 0.0).sum(dim=-1)\n    " + OTHERS,
        "The mean over the TEXT's tokens",
    ),
    copying("centred over keys", "mean(dim=-1,", "mean(dim=1,", "The mean over keys is taken away"),
    copying("centred over heads", "mean(dim=-1,", "mean(dim=2,", "The mean over heads is taken"),
    copying(
        "own among others",
        OTHERS,
        "others = of_text / tokens.shape[1]",
        "The own token is counted among the others",
    ),
    copying("divided by n", " - 1)\n", ")\n", "one of them is the key's own"),
    copying(
        "others summed",
        OTHERS,
        "others = of_text.masked_fill(same, 0.0)",
        "The others are summed",
    ),
    copying(
        "size of the mean",
        "others.abs().sum(dim=-1)",
        "others.sum(dim=-1).abs()",
        "the mean of the sizes is asked for",
    ),
    copying("no sizes", BELOW, "(own + others.sum(-1))", "is expected"),
    copying(
        "lowered dropped",
        CENTRED,
        CENTRED.replace("centred = ", "centred = (") + ").relu()",
        "What is lowered is dropped",
    ),
    copying(
        "sizes above", ABOVE, "(own.abs() - others.abs().sum(-1))", "The numerator takes sizes"
    ),
    copying("own alone", ABOVE, "own", "The numerator holds the own token alone"),
    copying("sign", ABOVE, "(others.sum(-1) - own)", "The sign is turned round"),
    copying(
        "ratio of means",
        "return score.mean(dim=(0, 1))",
        "top = (own - others.sum(-1)).mean((0, 1))\n"
        "    return top / (own.abs() + others.abs().sum(-1)).mean((0, 1))",
        "The means over keys are divided",
    ),
    copying("next token", "expand(-1", "roll(-1, -1).expand(-1", "The logit of the NEXT token"),
    copying(
        "by position",
        INDEX,
        "index = torch.arange(tokens.shape[1]).expand_as(tokens)[:, None, None, :]",
        "Logits are picked by position",
    ),
    copying(
        "first text",
        INDEX,
        "index = tokens[:1].expand_as(tokens)[:, None, None, :]",
        "Tokens of the first text",
    ),
    copying(
        "whole vocabulary",
        "score = (own - others.sum(dim=-1)) / (own.abs() + others.abs().sum(dim=-1))"
        ".clamp(min=1e-12)",
        "n = raised.shape[-1] - 1\n"
        "    rest, size = (centred.sum(-1) - own) / n, (centred.abs().sum(-1) - own.abs()) / n\n"
        "    score = (own - rest) / (own.abs() + size)",
        "All other tokens of the vocabulary",
    ),
    copying(
        "not divided",
        "score = (own - others.sum(dim=-1)) / (own.abs() + others.abs().sum(dim=-1))"
        ".clamp(min=1e-12)",
        "score = own - others.sum(dim=-1)",
        "It is not divided by the sizes",
    ),
]

RIGHT = [
    Right(
        "4.5",
        "key by key",
        body={
            "copying_score_on_text": """
            centred = raised - raised.mean(-1, keepdim=True)
            found = []
            for rows, words in zip(centred, tokens):
                for place, word in enumerate(words.tolist()):
                    own = rows[place, :, word]
                    rest = rows[place][:, [t for t in words.tolist() if t != word]]
                    size = own.abs() + rest.abs().mean(-1)
                    found.append((own - rest.mean(-1)) / size)
            return torch.stack(found).mean(0)
            """
        },
    ),
    Right(
        "4.5",
        "totals minus own",
        body={
            "copying_score_on_text": """
            raised = raised - raised.mean(-1, keepdim=True)
            n = tokens.shape[1]
            picked = torch.stack([row[..., t] for row, t in zip(raised, tokens)])
            own = picked.diagonal(dim1=1, dim2=3).transpose(1, 2)
            mean = (picked.sum(-1) - own) / (n - 1)
            size = own.abs() + (picked.abs().sum(-1) - own.abs()) / (n - 1)
            return ((own - mean) / size).flatten(0, 1).mean(0)
            """
        },
    ),
]
