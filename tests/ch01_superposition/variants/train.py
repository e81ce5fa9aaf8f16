"""Answers to 1.5."""

from tests.grading.variants import Right, Wrong

LOSS = "losses = reconstruction_loss(model(x), target, importance)"
ZERO, BACK, STEP = "optimizer.zero_grad()", "losses.sum().backward()", "optimizer.step()"


def step(*lines, loss=LOSS, end="losses.detach()"):
    """A training step of these lines, in this order."""
    return "\n".join([loss, *lines, f"return {end}"])


def wrong(name, answer, says):
    return Wrong("1.5", name, body={"train_step": answer}, says=says)


def right(name, answer):
    return Right("1.5", name, body={"train_step": answer})


WRONG = [
    wrong(
        "mean over instances",
        step(ZERO, "losses.mean().backward()", STEP),
        "the gradient of the MEAN over instances",
    ),
    wrong("never zeroed", step(BACK, STEP), "never cleared"),
    wrong("zeroed before the step", step(BACK, ZERO, STEP), "no gradient was left"),
    wrong("no step", step(ZERO, BACK), "call optimizer.step()"),
    wrong("step first", step(ZERO, STEP, BACK), "optimizer.step() after backward()"),
    wrong("step before backward", step(STEP, ZERO, BACK), "The weights did not move"),
    wrong(
        "loss after the update",
        step(ZERO, BACK, STEP, end="reconstruction_loss(model(x), target, importance).detach()"),
        "the losses AFTER the update",
    ),
    wrong("with its graph", step(ZERO, BACK, STEP, end="losses"), "still hang on their graph"),
    wrong(
        "the sum for each",
        step(ZERO, BACK, STEP, end="losses.detach().sum().expand(len(x))"),
        "That is the sum over instances",
    ),
    wrong(
        "the mean for each",
        step(ZERO, BACK, STEP, end="losses.detach().mean().expand(len(x))"),
        "That is the mean over instances",
    ),
    wrong("one number", step(ZERO, BACK, STEP, end="losses.sum().item()"), "wrong shape or type"),
    wrong(
        "compared with x",
        step(ZERO, BACK, STEP, loss=LOSS.replace("target", "x")),
        "The guess is compared with x",
    ),
    wrong(
        "given the target",
        step(ZERO, BACK, STEP, loss=LOSS.replace("model(x)", "model(target)")),
        "The model was given the target",
    ),
    wrong(
        "x and target swapped",
        step(ZERO, BACK, STEP, loss=LOSS.replace("model(x), target", "model(target), x")),
        "x and target have changed places",
    ),
    wrong(
        "importance not applied",
        step(ZERO, BACK, STEP, loss=LOSS.replace("importance)", "torch.ones_like(importance))")),
        "The importance is not applied",
    ),
    wrong(
        "importance squared",
        step(ZERO, BACK, STEP, loss=LOSS.replace("importance)", "importance**2)")),
        "The importance is applied twice",
    ),
    wrong("uphill", step(ZERO, "(-losses.sum()).backward()", STEP), "The step goes uphill"),
    wrong(
        "the first instance", step(ZERO, "losses[0].backward()", STEP), "Only the first instance"
    ),
    wrong(
        "mean over features",
        step(ZERO, "(losses.sum() / x.shape[-1]).backward()", STEP),
        "the mean over features",
    ),
    wrong("two steps", step(ZERO, BACK, STEP, STEP), "The step is taken twice"),
    wrong(
        "clipped",
        step(ZERO, BACK, "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)", STEP),
        "shortened to length 1",
    ),
    wrong(
        "by hand",
        step(
            ZERO,
            BACK,
            "with torch.no_grad():\n    for p in model.parameters():\n"
            "        p -= optimizer.param_groups[0]['lr'] * p.grad",
        ),
        "moved by hand",
    ),
    wrong(
        "gradients switched off",
        step(ZERO, BACK, STEP, "torch.set_grad_enabled(False)"),
        "are off afterwards",
    ),
]

RIGHT = [
    right("cleared at the end", step(BACK, STEP, ZERO)),
    right("ones as gradients", step(ZERO, "losses.backward(torch.ones_like(losses))", STEP)),
    right(
        "a closure",
        """
        kept = []

        def closure():
            optimizer.zero_grad()
            losses = reconstruction_loss(model(x), target, importance)
            kept.append(losses.detach().clone())
            total = losses.sum()
            total.backward()
            return total

        optimizer.step(closure)
        return kept[0]
        """,
    ),
    right(
        "gradients asked for by name",
        """
        weights = list(model.parameters())
        losses = reconstruction_loss(model(x), target, importance)
        for weight, gradient in zip(weights, torch.autograd.grad(losses.sum(), weights)):
            weight.grad = gradient
        optimizer.step()
        return losses.data
        """,
    ),
]
