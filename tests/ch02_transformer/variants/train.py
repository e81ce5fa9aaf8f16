"""Variants of exercise 2.15."""

from tests.grading.variants import Right, Wrong

PAIR = "logits[:, :-1], tokens[:, 1:]"
LOSS = "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())"

WRONG = [
    Wrong("2.15", "no shift", {PAIR: "logits, tokens"}, says="scored on its own token"),
    Wrong(
        "2.15",
        "no shift, last position left out",
        {"tokens[:, 1:]": "tokens[:, :-1]"},
        says="scored on its own token",
    ),
    Wrong(
        "2.15", "shifted the wrong way", {PAIR: "logits[:, 1:], tokens[:, :-1]"}, says="wrong way"
    ),
    Wrong("2.15", "shifted by two", {PAIR: "logits[:, :-2], tokens[:, 2:]"}, says="by two"),
    Wrong("2.15", "wraps around", {PAIR: "logits, tokens.roll(-1, 1)"}, says="last position"),
    Wrong("2.15", "sum", {"actual.flatten()": "actual.flatten(), reduction='sum'"}, says="the sum"),
    Wrong(
        "2.15",
        "mean over sequences of sums",
        {LOSS: f"{LOSS} * actual.shape[1]"},
        says="sum over positions and a mean over sequences",
    ),
    Wrong("2.15", "divided by all positions", {LOSS: f"{LOSS} * 0.8"}, says="by all positions"),
    Wrong("2.15", "bits", {LOSS: f"{LOSS} / math.log(2)"}, says="in bits"),
    Wrong("2.15", "minus forgotten", {LOSS: f"-{LOSS}"}, says="sign is missing"),
    Wrong("2.15", "softmax twice", {"predicted.f": "predicted.softmax(-1).f"}, says="taken twice"),
    Wrong(
        "2.15",
        "accuracy",
        {LOSS: "(predicted.argmax(-1) == actual).to(logits.dtype).mean()"},
        says="accuracy",
    ),
    Wrong("2.15", "perplexity", {LOSS: f"{LOSS}.exp()"}, says="perplexity"),
    Wrong("2.15", "detached", {LOSS: f"{LOSS}.detach()"}, says="no gradient"),
    Wrong(
        "2.15",
        "softmax over positions",
        body={
            "next_token_loss": "return -logits.log_softmax(1)[:, :-1]"
            ".gather(-1, tokens[:, 1:, None]).mean()"
        },
        says="over positions",
    ),
    Wrong(
        "2.15",
        "log of softmax",
        body={
            "next_token_loss": "return -logits.softmax(-1)[:, :-1]"
            ".gather(-1, tokens[:, 1:, None]).log().mean()"
        },
        says="not infinitely many",
    ),
    Wrong(
        "2.15",
        "shifted over the batch",
        {PAIR: "logits[:-1], tokens[1:]"},
        says="shift runs over the batch",
    ),
    Wrong(
        "2.15",
        "end to end, then shifted",
        body={
            "next_token_loss": "return F.cross_entropy("
            "logits.flatten(0, 1)[:-1], tokens.flatten()[1:])"
        },
        says="laid end to end",
    ),
    Wrong(
        "2.15",
        "token 0 ignored",
        {"actual.flatten()": "actual.flatten(), ignore_index=0"},
        says="1/8",
    ),
    Wrong(
        "2.15",
        "the last prediction only",
        {PAIR: "logits[:, -2:-1], tokens[:, -1:]"},
        says="Only the last prediction",
    ),
    Wrong(
        "2.15",
        "classes reshaped to the second axis",
        {LOSS: "F.cross_entropy(predicted.reshape(len(actual), logits.shape[-1], -1), actual)"},
        says="2 log 2",
    ),
]

RIGHT = [
    Right(
        "2.15",
        "log_softmax and gather",
        body={
            "next_token_loss": """
            log_p = logits[:, :-1].log_softmax(dim=-1)
            return -log_p.gather(-1, tokens[:, 1:].unsqueeze(-1)).mean()
            """
        },
    ),
    Right(
        "2.15",
        "logsumexp, position by position",
        body={
            "next_token_loss": """
            total = logits.new_zeros(())
            for t in range(tokens.shape[1] - 1):
                own = logits[torch.arange(len(tokens)), t, tokens[:, t + 1]]
                total = total + (logits[:, t].logsumexp(dim=-1) - own).mean()
            return total / (tokens.shape[1] - 1)
            """
        },
    ),
    Right(
        "2.15",
        "classes on the second axis",
        {LOSS: "F.cross_entropy(predicted.transpose(1, 2), actual)"},
    ),
    Right(
        "2.15",
        "one-hot",
        {LOSS: "-(F.one_hot(actual, logits.shape[-1]) * predicted.log_softmax(-1)).sum(-1).mean()"},
    ),
    Right(
        "2.15",
        "targets that are ignored",
        body={
            "next_token_loss": """
            target = torch.full_like(tokens, -100)
            target[:, :-1] = tokens[:, 1:]
            return F.cross_entropy(logits.flatten(0, 1), target.flatten())
            """
        },
    ),
]
