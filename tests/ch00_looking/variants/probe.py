"""Answers to 0.8."""

from tests.grading.variants import Right, Wrong

ADAMW = "torch.optim.AdamW(probe.parameters(), lr=lr, weight_decay=weight_decay)"
LOSS = "loss = F.cross_entropy(probe(acts), labels)"
LOOP = f"{LOSS}; optimizer.zero_grad(); loss.backward(); optimizer.step()"


def answer(first="acts = acts.detach()", optimizer=ADAMW, loop=LOOP, kept="loss.item()", end=""):
    """The answer to 0.8 with one of its parts changed."""
    return (
        f"losses = []\n{first}\noptimizer = {optimizer}\nfor step in range(steps):\n    {loop}\n"
        f"    losses.append({kept})\n{end}\nreturn losses"
    )


def wrong(name, says, **parts):
    return Wrong("0.8", name, body={"fit_probe": answer(**parts)}, says=says)


def right(name, text):
    return Right("0.8", name, body={"fit_probe": text})


BIAS = (
    "torch.optim.AdamW([{'params': [p for p in probe.parameters() if p.ndim > 1]},"
    " {'params': [p for p in probe.parameters() if p.ndim < 2], 'weight_decay': 0.0}],"
    " lr=lr, weight_decay=weight_decay)"
)

WRONG = [
    wrong("never zeroed", "never cleared", loop=LOOP.replace("optimizer.zero_grad(); ", "")),
    wrong(
        "zeroed before the step",
        "The probe did not move",
        loop=f"{LOSS}; loss.backward(); optimizer.zero_grad(); optimizer.step()",
    ),
    wrong(
        "no weight decay argument",
        "AdamW's own default is .01",
        optimizer="torch.optim.AdamW(probe.parameters(), lr=lr)",
    ),
    wrong(
        "Adam without decay",
        "There is no weight decay at all",
        optimizer="torch.optim.Adam(probe.parameters(), lr=lr)",
    ),
    wrong("Adam", "The decay is added to the gradient", optimizer=ADAMW.replace("AdamW", "Adam")),
    wrong(
        "SGD",
        "plain gradient descent (SGD): AdamW",
        optimizer="torch.optim.SGD(probe.parameters(), lr=lr)",
    ),
    wrong("default lr", "lr is ignored", optimizer=ADAMW.replace("lr=lr, ", "")),
    wrong("bias does not decay", "leaves the bias out", optimizer=BIAS),
    wrong("no step", "The probe did not move", loop=LOOP.replace("optimizer.step()", "pass")),
    wrong("one step too few", "steps give", loop=LOOP, end="losses = losses[:-1]"),
    wrong(
        "one optimizer a step",
        "After 6 steps of AdamW",
        loop=f"optimizer = {ADAMW}; {LOOP}",
    ),
    wrong(
        "loss after the step",
        "losses AFTER each step",
        kept="F.cross_entropy(probe(acts), labels).item()",
    ),
    wrong("loss not read", "return value of probe.fit_probe", kept="loss"),
    wrong(
        "sum of losses",
        "Those are sums over the examples",
        loop=LOOP.replace("labels)", "labels, reduction='sum')"),
    ),
    wrong(
        "a batch at a time",
        "of 11 examples at a time",
        loop="rows = torch.arange(len(acts))[step % 2 :: 2]; "
        + LOOP.replace("probe(acts), labels", "probe(acts[rows]), labels[rows]"),
    ),
    wrong(
        "shuffled batches",
        "global random state",
        loop="rows = torch.randperm(len(acts))[:8]; "
        + LOOP.replace("probe(acts), labels", "probe(acts[rows]), labels[rows]"),
    ),
    wrong("not detached", "hold a gradient: a probe looks", first="pass"),
    wrong(
        "acts scaled in place",
        "`acts` is edited in place",
        first="acts = acts.detach(); acts -= acts.mean(0)",
    ),
    wrong(
        "acts scaled",
        "After 6 steps of AdamW",
        first="acts = acts.detach(); acts = acts / acts.std()",
    ),
    wrong("seeded", "global random state", first="torch.manual_seed(0); acts = acts.detach()"),
    wrong(
        "stops where the loss goes up",
        "also where the loss goes up",
        end="up = [k for k in range(1, len(losses)) if losses[k] > losses[k - 1]]\n"
        "losses = losses[: up[0] + 1] if up else losses",
    ),
    wrong("frozen at the end", "goes out frozen", end="probe.requires_grad_(False)"),
    wrong("gradients off at the end", "are off afterwards", end="torch.set_grad_enabled(False)"),
    wrong(
        "a copy is trained",
        "The probe did not move",
        first="import copy; probe = copy.deepcopy(probe); acts = acts.detach()",
    ),
    wrong(
        "softmax twice",
        "A softmax stands before the cross-entropy",
        loop=LOOP.replace("probe(acts)", "probe(acts).softmax(-1)"),
    ),
    wrong(
        "the last layer only",
        "never moved: train every one",
        optimizer=ADAMW.replace("probe.parameters()", "list(probe.parameters())[-2:]"),
    ),
]

RIGHT = [
    right(
        "cleared at the end",
        answer(loop=f"{LOSS}; loss.backward(); optimizer.step(); optimizer.zero_grad()"),
    ),
    right(
        "a closure",
        """
        optimizer = torch.optim.AdamW(probe.parameters(), lr, weight_decay=weight_decay)

        def closure():
            optimizer.zero_grad()
            loss = F.nll_loss(probe(acts.detach()).log_softmax(-1), labels)
            loss.backward()
            return loss

        return [float(optimizer.step(closure)) for _ in range(steps)]
        """,
    ),
    right(
        "AdamW by hand",
        """
        weights = list(probe.parameters())
        first = [torch.zeros_like(w) for w in weights]
        second = [torch.zeros_like(w) for w in weights]
        losses = []
        for step in range(1, steps + 1):
            loss = F.cross_entropy(probe(acts.detach()), labels)
            losses.append(loss.item())
            gradients = torch.autograd.grad(loss, weights)
            with torch.no_grad():
                for w, m, v, g in zip(weights, first, second, gradients):
                    w.mul_(1 - lr * weight_decay)
                    m.mul_(0.9).add_(0.1 * g)
                    v.mul_(0.999).add_(0.001 * g * g)
                    root = (v / (1 - 0.999**step)).sqrt() + 1e-8
                    w.sub_(lr * m / (1 - 0.9**step) / root)
        return losses
        """,
    ),
]
