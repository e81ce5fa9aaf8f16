"""Variants of exercises 2.15 and 2.16."""

from tests.grading.variants import Right, Wrong

PAIR = "logits[:, :-1], tokens[:, 1:]"
LOSS = "F.cross_entropy(predicted.flatten(0, 1), actual.flatten())"
CLIP = "nn.utils.clip_grad_norm_(model.parameters(), clip)"
ZERO, BACK, STEP = "optimizer.zero_grad()", "loss.backward()", "optimizer.step()"


def order(*lines: str) -> dict[str, str]:
    """A training step of these lines, in this order."""
    first = "loss = next_token_loss(model(tokens), tokens)"
    return {"train_step": "\n".join([first, *lines, "return loss.item()"])}


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
        "2.16", "zero_grad last before step", body=order(BACK, ZERO, CLIP, STEP), says="come bef"
    ),
    Wrong("2.16", "never zeroed", {f"    {ZERO}\n": ""}, says="never cleared"),
    Wrong("2.16", "no clipping", {f"    {CLIP}\n": ""}, says="not shortened"),
    Wrong("2.16", "clipped after the step", body=order(ZERO, BACK, STEP, CLIP), says="not shorten"),
    Wrong(
        "2.16", "clipped before backward", body=order(ZERO, CLIP, BACK, STEP), says="not shorten"
    ),
    Wrong(
        "2.16",
        "each parameter clipped alone",
        {CLIP: "[nn.utils.clip_grad_norm_(p, clip) for p in model.parameters()]"},
        says="by itself",
    ),
    Wrong("2.16", "clipped by value", {"grad_norm_": "grad_value_"}, says="Each number was cut"),
    Wrong(
        "2.16",
        "always as long as clip",
        {
            CLIP: "n = sum(p.grad.norm() ** 2 for p in model.parameters()) ** 0.5\n"
            "    [p.grad.mul_(clip / n) for p in model.parameters()]"
        },
        says="lengthened",
    ),
    Wrong(
        "2.16",
        "largest number for length",
        {f"{CLIP}": CLIP.replace(", clip", ", clip, norm_type=float('inf')")},
        says="not the largest number",
    ),
    Wrong(
        "2.16",
        "loss after the update",
        {"loss.item()": "next_token_loss(model(tokens), tokens).item()"},
        says="after the update",
    ),
    Wrong(
        "2.16",
        "a tensor with its graph",
        {"loss.item()": "loss"},
        says="return value of train.train_step",
    ),
    Wrong("2.16", "uphill", {BACK: f"(-{BACK[:4]}).backward()"}, says="uphill"),
    Wrong("2.16", "no step", {f"    {STEP}\n": ""}, says="call optimizer.step()"),
    Wrong("2.16", "step before backward", body=order(ZERO, STEP, BACK, CLIP), says="after backwa"),
    Wrong(
        "2.16",
        "shifted twice",
        {"(model(tokens), tokens)": "(model(tokens)[:, :-1], tokens[:, 1:])"},
        says="shifted twice",
    ),
    Wrong(
        "2.16",
        "by hand",
        {
            STEP: "for g in optimizer.param_groups:\n"
            "        for p in g['params']:\n"
            "            p.data -= g['lr'] * p.grad"
        },
        says="by hand",
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
    Right("2.16", "cleared at the end", body=order(BACK, CLIP, STEP, ZERO)),
    Right("2.16", "cleared to zeros", {ZERO: "model.zero_grad(set_to_none=False)"}),
    Right(
        "2.16",
        "clipped by hand",
        {
            CLIP: "length = torch.stack([p.grad.norm() for p in model.parameters()]).norm()\n"
            "    if length > clip:\n"
            "        for p in model.parameters():\n"
            "            p.grad = p.grad * (clip / length)"
        },
    ),
]
