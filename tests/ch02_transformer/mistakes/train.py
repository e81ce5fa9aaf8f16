"""Mistakes in the exercises of train, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

NEXT_TOKEN_LOSS = mistakes(
    "2.15",
    "next_token_loss",
    {
        "Each position is scored on its own token, without the shift: logits at t predict tokens[t + 1].": {
            "logits[:, :-1], tokens[:, 1:]": "logits, tokens"
        },
        "Each position is scored on its own token, with the last left out: logits at t predict tokens[t + 1].": {
            "tokens[:, 1:]": "tokens[:, :-1]"
        },
        "It turns the wrong way.": {
            "logits[:, :-1], tokens[:, 1:]": "logits[:, 1:], tokens[:, :-1]"
        },
        "It is shifted by two; the model has to be asked about the next token.": {
            "logits[:, :-1], tokens[:, 1:]": "logits[:, :-2], tokens[:, 2:]"
        },
        "The last position is counted too, against the sequence's first token; it predicts a token that is not there.": {
            "logits[:, :-1], tokens[:, 1:]": "logits, tokens.roll(-1, 1)"
        },
        "This is the sum; the mean over all predicted tokens is asked for.": {
            "actual.flatten()": "actual.flatten(), reduction='sum'"
        },
        "This is a sum over positions and a mean over sequences; take the mean over both.": {
            "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "F.cross_entropy(predicted.flatten(0, 1), actual.flatten()) * actual.shape[1]"
        },
        "The sum is divided by all positions; only pos - 1 tokens a sequence are predicted.": {
            "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "F.cross_entropy(predicted.flatten(0, 1), actual.flatten()) * 0.8"
        },
        "This is in bits (log2); nats are asked for.": {
            "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "F.cross_entropy(predicted.flatten(0, 1), actual.flatten()) / math.log(2)"
        },
        "The sign is missing: surprise is minus the log-probability.": {
            "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "-F.cross_entropy(predicted.flatten(0, 1), actual.flatten())"
        },
        "The softmax is taken twice: cross_entropy and log_softmax want logits.": {
            "predicted.f": "predicted.softmax(-1).f"
        },
        "This is the accuracy of the argmax, which no gradient can improve.": {
            "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "(predicted.argmax(-1) == actual).to(logits.dtype).mean()"
        },
        "This is the perplexity, the exponential of the loss.": {
            "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "F.cross_entropy(predicted.flatten(0, 1), actual.flatten()).exp()"
        },
        "The softmax runs over positions; it belongs over the vocabulary (dim=-1).": (
            "return -logits.log_softmax(1)[:, :-1].gather(-1, tokens[:, 1:, None]).mean()"
        ),
        "The shift runs over the batch; positions are axis 1: logits[:, :-1], tokens[:, 1:].": {
            "logits[:, :-1], tokens[:, 1:]": "logits[:-1], tokens[1:]"
        },
        "The batch is laid end to end and then shifted, so that a sequence's last position predicts another's first token; shift first.": (
            "return F.cross_entropy(logits.flatten(0, 1)[:-1], tokens.flatten()[1:])"
        ),
        "Only the last prediction of each sequence is counted.": {
            "logits[:, :-1], tokens[:, 1:]": "logits[:, -2:-1], tokens[:, -1:]"
        },
    },
    unnamed={
        "no gradient": {
            "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "F.cross_entropy(predicted.flatten(0, 1), actual.flatten()).detach()"
        },
        "not infinitely many": (
            "return -logits.softmax(-1)[:, :-1].gather(-1, tokens[:, 1:, None]).log().mean()"
        ),
        "1/8": {"actual.flatten()": "actual.flatten(), ignore_index=0"},
        "2 log 2": {
            "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "F.cross_entropy(predicted.reshape(len(actual), logits.shape[-1], -1), actual)"
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
        "classes on the second axis": {
            "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "F.cross_entropy(predicted.transpose(1, 2), actual)"
        },
        "one-hot": {
            "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())": "-(F.one_hot(actual, logits.shape[-1]) * predicted.log_softmax(-1)).sum(-1).mean()"
        },
        "targets that are ignored": """
            target = torch.full_like(tokens, -100)
            target[:, :-1] = tokens[:, 1:]
            return F.cross_entropy(logits.flatten(0, 1), target.flatten())
            """,
    },
)
