"""Mistakes in the exercises of train, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

SHIFT = "logits[:, :-1], tokens[:, 1:]"
LOSS = "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())"
NEXT_TOKEN_LOSS = mistakes(
    "2.15",
    "next_token_loss",
    {
        "Is each position scored on its own token? Logits at t predict tokens[t + 1].": {
            SHIFT: "logits, tokens"
        },
        "Is token 0 left out as padding (ignore_index=0)? Every token counts.": {
            "actual.flatten())": "actual.flatten(), ignore_index=0)"
        },
        "Are both cut at the end? Logits at t predict tokens[t + 1].": {
            "tokens[:, 1:]": "tokens[:, :-1]"
        },
        "Is the shift reversed? Logits at t predict tokens[t + 1], not tokens[t - 1].": {
            SHIFT: "logits[:, 1:], tokens[:, :-1]"
        },
        "Is the shift two positions? Logits at t predict tokens[t + 1].": {
            SHIFT: "logits[:, :-2], tokens[:, 2:]"
        },
        "Is the last position scored on the first token? It has no target.": {
            SHIFT: "logits, tokens.roll(-1, 1)"
        },
        "This is the sum over the predicted tokens. Take the mean.": {
            "actual.flatten()": "actual.flatten(), reduction='sum'"
        },
        "This is a sum over positions and a mean over sequences. Take the mean over both.": {
            LOSS: f"{LOSS} * actual.shape[1]"
        },
        "Is the sum divided by pos? There are pos - 1 predictions per sequence.": {
            LOSS: f"{LOSS} * actual.shape[1] / tokens.shape[1]"
        },
        "This is in bits (log2). Use nats.": {LOSS: f"{LOSS} / math.log(2)"},
        "The sign is flipped: the loss is minus the log-probability.": {LOSS: f"-{LOSS}"},
        "Is the softmax taken twice? cross_entropy and log_softmax take logits.": {
            "predicted.f": "predicted.softmax(-1).f"
        },
        "This is the accuracy of the argmax, which has no gradient.": {
            LOSS: "(predicted.argmax(-1) == actual).to(logits.dtype).mean()"
        },
        "Are logits used as log-probabilities? Take log_softmax first.": {
            LOSS: "F.nll_loss(predicted.flatten(0, 1), actual.flatten())"
        },
        "This is the perplexity, the exponential of the loss.": {LOSS: f"{LOSS}.exp()"},
        "Is the softmax over positions? Take it over the vocabulary (dim=-1).": (
            "return -logits.log_softmax(1)[:, :-1].gather(-1, tokens[:, 1:, None]).mean()"
        ),
        "Is the batch shifted? Positions are axis 1: logits[:, :-1], tokens[:, 1:].": {
            SHIFT: "logits[:-1], tokens[1:]"
        },
        "Are the sequences flattened before the shift? Then one sequence predicts the next one.": (
            "return F.cross_entropy(logits.flatten(0, 1)[:-1], tokens.flatten()[1:])"
        ),
        "This is the loss of the last prediction of each sequence alone.": {
            SHIFT: "logits[:, -2:-1], tokens[:, -1:]"
        },
        "Is it the log of a softmax, where exp underflows to 0? Use log_softmax or cross_entropy.": (
            "return -logits.softmax(-1)[:, :-1].gather(-1, tokens[:, 1:, None]).log().mean()"
        ),
        "Are both cut at the start? Logits at t predict tokens[t + 1].": {
            "predicted, actual = logits[:, :-1], tokens[:, 1:]": "predicted, actual = logits[:, 1:], tokens[:, 1:]"
        },
        "Is the loss of each token returned, and not the mean?": {
            "actual.flatten())": "actual.flatten(), reduction='none')"
        },
        "Is only the first text's loss taken?": {
            "predicted, actual = logits[:, :-1], tokens[:, 1:]": "predicted, actual = logits[:1, :-1], tokens[:1, 1:]"
        },
        "Is it the mean of the probabilities? Take the mean of their logarithms.": {
            "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "return -predicted.softmax(-1).gather(-1, actual[..., None]).mean()"
        },
        "Is it the logarithm of the mean probability?": {
            "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "return -predicted.softmax(-1).gather(-1, actual[..., None]).mean().log()"
        },
        "Is a small number added inside the logarithm?": {
            "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "return -(predicted.softmax(-1).gather(-1, actual[..., None]) + 1e-8).log().mean()"
        },
        "Is the softmax over positions?": {
            "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "return -predicted.log_softmax(dim=1).gather(-1, actual[..., None]).mean()"
        },
        "Is the loss a float, without its graph?": {
            "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten()).item()"
        },
        "Is the loss detached?": {
            "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten()).detach()"
        },
        "Are the predictions in another order than the targets (transpose)?": {
            "predicted.flatten(0, 1)": "predicted.transpose(0, 1).flatten(0, 1)"
        },
        "Is the mean over the vocabulary as well?": {
            "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "return -(predicted.log_softmax(-1) * F.one_hot(actual, predicted.shape[-1])).mean()"
        },
        "Are the means of the texts added? Take the mean over all predicted tokens.": {
            "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "return torch.stack([F.cross_entropy(p, a) for p, a in zip(predicted, actual)]).sum()"
        },
        "Are labels smoothed?": {"actual.flatten())": "actual.flatten(), label_smoothing=0.1)"},
        "Is the median taken, and not the mean?": {
            "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten(), reduction='none').median()"
        },
        "Is the second token never a target? Only the first is not.": {
            "predicted, actual = logits[:, :-1], tokens[:, 1:]": "predicted, actual = logits[:, 1:-1], tokens[:, 2:]"
        },
        "Is it the squared error of the probabilities? Take -log of the token's.": {
            "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "return (predicted.softmax(-1) - F.one_hot(actual, predicted.shape[-1])).pow(2).mean()"
        },
        "Is it the share of wrong predictions? Take -log of the token's probability.": {
            "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "return (predicted.argmax(-1) != actual).double().mean() + 0 * predicted.sum()"
        },
        "Is it the entropy of the predictions? Take -log of the token's probability.": {
            "return F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "return -(predicted.softmax(-1) * predicted.log_softmax(-1)).sum(-1).mean()"
        },
    },
    unnamed={
        "no gradient": {LOSS: f"{LOSS}.detach()"},
        "1/8": {"actual.flatten()": "actual.flatten(), ignore_index=0"},
        "2 log 2": {
            LOSS: "F.cross_entropy(predicted.reshape(len(actual), logits.shape[-1], -1), actual)"
        },
    },
)
RIGHT_2_15 = right_answers(
    "2.15",
    "next_token_loss",
    {
        "log_softmax and gather": """
            log_p = logits[:, :-1].log_softmax(dim=-1)
            return -log_p.gather(-1, tokens[:, 1:].unsqueeze(-1)).mean()
            """,
        "logsumexp, position by position": """
            total = logits.new_zeros(())
            for t in range(tokens.shape[1] - 1):
                own = logits[torch.arange(len(tokens)), t, tokens[:, t + 1]]
                total = total + (logits[:, t].logsumexp(dim=-1) - own).mean()
            return total / (tokens.shape[1] - 1)
            """,
        "classes on the second axis": {LOSS: "F.cross_entropy(predicted.transpose(1, 2), actual)"},
        "one-hot": {
            LOSS: "-(F.one_hot(actual, logits.shape[-1]) * predicted.log_softmax(-1)).sum(-1).mean()"
        },
        "targets that are ignored": """
            target = torch.full_like(tokens, -100)
            target[:, :-1] = tokens[:, 1:]
            return F.cross_entropy(logits.flatten(0, 1), target.flatten())
            """,
    },
)
