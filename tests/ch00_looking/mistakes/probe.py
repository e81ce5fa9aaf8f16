"""Mistakes in 0.8, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

ADAMW = "torch.optim.AdamW(probe.parameters(), lr=lr, weight_decay=weight_decay)"
LOSS = "loss = F.cross_entropy(probe(acts), labels)"
LOOP = f"{LOSS}; optimizer.zero_grad(); loss.backward(); optimizer.step()"
ONE_HOT = "F.one_hot(labels, probe(acts).shape[-1]).to(acts)"
BIAS = (
    "torch.optim.AdamW([{'params': [p for p in probe.parameters() if p.ndim > 1]},"
    " {'params': [p for p in probe.parameters() if p.ndim < 2], 'weight_decay': 0.0}],"
    " lr=lr, weight_decay=weight_decay)"
)


def answer(first="acts = acts.detach()", optimizer=ADAMW, loop=LOOP, kept="loss.item()", end=""):
    """The answer with one of its parts changed."""
    return (
        f"losses = []\n{first}\noptimizer = {optimizer}\nfor step in range(steps):\n    {loop}\n"
        f"    losses.append({kept})\n{end}\nreturn losses"
    )


def on_rows(rows):
    """The loop on some of the examples."""
    chosen = LOOP.replace("probe(acts), labels", "probe(acts[rows]), labels[rows]")
    return answer(loop=f"rows = {rows}; {chosen}")


FIT = mistakes(
    "0.8",
    "fit_probe",
    {
        "Are the gradients never cleared? backward() adds to them: zero_grad() in every step.": (
            answer(loop=LOOP.replace("optimizer.zero_grad(); ", ""))
        ),
        "Is weight_decay not passed on? The default of AdamW is .01.": (
            answer(optimizer="torch.optim.AdamW(probe.parameters(), lr=lr)")
        ),
        "Is there no weight decay?": (
            answer(optimizer="torch.optim.Adam(probe.parameters(), lr=lr)")
        ),
        "Is the decay added to the gradient (Adam)? AdamW shrinks the weights themselves.": (
            answer(optimizer=ADAMW.replace("AdamW", "Adam"))
        ),
        "This is plain gradient descent (SGD). Use AdamW.": (
            answer(optimizer="torch.optim.SGD(probe.parameters(), lr=lr)")
        ),
        "This is gradient descent (SGD) with weight decay. Use AdamW.": (
            answer(optimizer=ADAMW.replace("AdamW", "SGD"))
        ),
        "Is lr not passed on? The default of AdamW is .001.": (
            answer(optimizer=ADAMW.replace("lr=lr, ", ""))
        ),
        "Does the weight decay leave out the bias? It applies to every parameter.": (
            answer(optimizer=BIAS)
        ),
        "Is step() missing, or zero_grad() called between backward() and step()?": [
            answer(loop=LOOP.replace("optimizer.step()", "pass")),
            answer(loop=f"{LOSS}; loss.backward(); optimizer.zero_grad(); optimizer.step()"),
        ],
        "Is a copy of the probe trained? Train it in place.": (
            answer(first="import copy; probe = copy.deepcopy(probe); acts = acts.detach()")
        ),
        "Is a new optimizer created in every step? Create one before the loop.": (
            answer(loop=f"optimizer = {ADAMW}; {LOOP}")
        ),
        "Are these the losses AFTER each step? Compute the loss, then step.": (
            answer(kept="F.cross_entropy(probe(acts), labels).item()")
        ),
        "Are these sums over the examples? Take the mean.": (
            answer(loop=LOOP.replace("labels)", "labels, reduction='sum')"))
        ),
        "Are the losses in bits? Cross-entropy is in nats.": (
            answer(kept="loss.item() / 0.6931471805599453")
        ),
        "Is only the first loss kept, for every step?": (
            answer(end="losses = losses[:1] * len(losses)")
        ),
        "Is only the last loss kept, for every step?": (
            answer(end="losses = losses[-1:] * len(losses)")
        ),
        "Are the activations divided by their standard deviation? Use them as they are.": (
            answer(first="acts = acts.detach(); acts = acts / acts.std()")
        ),
        "Is there a softmax before the cross-entropy? It takes logits.": (
            answer(loop=LOOP.replace("probe(acts)", "probe(acts).softmax(-1)"))
        ),
        "Does each step use every second example? It uses all.": (
            on_rows("torch.arange(len(acts))[step % 2 :: 2]")
        ),
        "Is the bias not trained? Train every parameter.": answer(
            optimizer=ADAMW.replace("probe.parameters()", "list(probe.parameters())[:1]")
        ),
        "Does each step use a part of the examples? It uses all.": [
            on_rows("torch.arange(len(acts) // 2)"),
            on_rows("torch.arange(min(len(acts), 32))"),
            on_rows("[step % len(acts)]"),
            on_rows("torch.arange(min(len(acts), 8))"),
            on_rows("torch.arange(len(acts) - 1)"),
        ],
        "Are two steps taken for each loss? Take one.": (answer(loop=f"{LOOP}; optimizer.step()")),
        "Is this RMSprop? Use AdamW.": [
            answer(optimizer=ADAMW.replace("AdamW", "RMSprop")),
            answer(optimizer="torch.optim.RMSprop(probe.parameters(), lr=lr)"),
        ],
        "Is this Adagrad? Use AdamW.": (answer(optimizer=ADAMW.replace("AdamW", "Adagrad"))),
        "Is the learning rate divided by the number of examples? The loss is a mean already.": (
            answer(optimizer=ADAMW.replace("lr=lr", "lr=lr / len(acts)"))
        ),
        "Is the loss divided by the number of examples? It is a mean already.": (
            answer(loop=LOOP.replace("labels)", "labels) / len(labels)"))
        ),
        "Are the weights set to zero first? Train the probe from the weights that it has.": (
            answer(
                first="acts = acts.detach()\nfor weight in probe.parameters(): weight.data.zero_()"
            )
        ),
        "Is this the squared error? Use the cross-entropy.": [
            answer(loop=LOOP.replace("F.cross_entropy(probe(acts), labels)", f"F.mse_loss({of})"))
            for of in (
                f"probe(acts), {ONE_HOT}",
                f"probe(acts).softmax(-1), {ONE_HOT}",
            )
        ],
        "Is this a binary cross-entropy for each class? Use the cross-entropy over classes.": (
            answer(
                loop=LOOP.replace(
                    "F.cross_entropy(probe(acts), labels)",
                    f"F.binary_cross_entropy_with_logits(probe(acts), {ONE_HOT})",
                )
            )
        ),
        "Are the labels smoothed? Use the labels as they are.": (
            answer(loop=LOOP.replace("labels)", "labels, label_smoothing=0.1)"))
        ),
        "Is each class weighted by its frequency? Every example counts once.": (
            answer(
                loop=LOOP.replace(
                    "labels)",
                    "labels, weight=1 / torch.bincount(labels, "
                    "minlength=probe(acts).shape[-1]).clamp(min=1).to(acts))",
                )
            )
        ),
        "Is the loss made larger? A step must lower it.": [
            answer(loop=LOOP.replace("loss.backward()", "(-loss).backward()")),
            answer(optimizer=ADAMW.replace("lr=lr", "lr=lr, maximize=True")),
        ],
        "Is step() called before backward()? Then each step lacks its own gradient.": [
            answer(loop=f"{LOSS}; optimizer.step(); optimizer.zero_grad(); loss.backward()"),
        ],
        "Are lr and weight_decay exchanged?": (
            answer(
                optimizer=ADAMW.replace(
                    "lr=lr, weight_decay=weight_decay", "lr=weight_decay, weight_decay=lr"
                )
            )
        ),
        "Is the decay a term of the loss? AdamW shrinks the weights itself.": [
            answer(
                optimizer=ADAMW.replace("weight_decay=weight_decay", f"weight_decay={rest}"),
                loop=LOOP.replace(
                    "labels)",
                    f"labels) + {factor} * sum((p**2).sum() for p in probe.parameters())",
                ),
            )
            for rest in ("0.0", "weight_decay")
            for factor in ("weight_decay", "weight_decay / 2")
        ],
        "Does the learning rate change during training? Keep it at lr.": [
            answer(
                optimizer=f"{ADAMW}\nschedule = torch.optim.lr_scheduler.{schedule}",
                loop=f"{LOOP}; schedule.step()",
            )
            for schedule in (
                "LinearLR(optimizer, 1.0, 0.0, steps)",
                "CosineAnnealingLR(optimizer, steps)",
            )
        ],
        "Are the gradients clipped? Use them as they are.": answer(
            loop=LOOP.replace(
                "optimizer.step()",
                "torch.nn.utils.clip_grad_norm_(probe.parameters(), 1.0); optimizer.step()",
            )
        ),
        "Are these accuracies? Return the loss before each step.": (
            answer(kept="(probe(acts).argmax(-1) == labels).double().mean().item()")
        ),
        "Is the mean loss kept, for every step?": (
            answer(end="losses = [sum(losses) / len(losses)] * len(losses)")
        ),
        "Are the losses summed from the first step on? Each step has its own.": (
            answer(end="losses = [sum(losses[: k + 1]) for k in range(steps)]")
        ),
        "Are the activations centred? Use them as they are.": [
            answer(first="acts = acts.detach(); acts = acts - acts.mean(0)"),
            answer(first="acts = acts.detach(); acts = (acts - acts.mean(0)) / acts.std()"),
            answer(first="acts = acts.detach(); acts = (acts - acts.mean(0)) / acts.std(0)"),
        ],
        "Is only the last layer trained? Train every parameter.": answer(
            optimizer=ADAMW.replace("probe.parameters()", "list(probe.parameters())[-2:]")
        ),
    },
    unnamed={
        "steps give": answer(end="losses = losses[:-1]"),
        "return value of probe.fit_probe": answer(kept="loss"),
        "global random state": [
            on_rows("torch.randperm(len(acts))[:8]"),
            answer(first="torch.manual_seed(0); acts = acts.detach()"),
        ],
        "hold a gradient: a probe": answer(first="pass"),
        "`acts` is edited in place": answer(first="acts = acts.detach(); acts -= acts.mean(0)"),
        "also once the loss is small": answer(loop=f"{LOOP}\n    if loss < 0.01: return losses"),
        "also where the loss goes up": answer(
            end="up = [k for k in range(1, len(losses)) if losses[k] > losses[k - 1]]\n"
            "losses = losses[: up[0] + 1] if up else losses"
        ),
        "now frozen": answer(end="probe.requires_grad_(False)"),
        "switches gradients on or off": answer(end="torch.set_grad_enabled(False)"),
    },
)
RIGHT = right_answers(
    "0.8",
    "fit_probe",
    {
        "cleared at the end": (
            answer(loop=f"{LOSS}; loss.backward(); optimizer.step(); optimizer.zero_grad()")
        ),
        "a closure": """
            optimizer = torch.optim.AdamW(probe.parameters(), lr, weight_decay=weight_decay)

            def closure():
                optimizer.zero_grad()
                loss = F.nll_loss(probe(acts.detach()).log_softmax(-1), labels)
                loss.backward()
                return loss

            return [float(optimizer.step(closure)) for _ in range(steps)]
        """,
        "AdamW by hand": """
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
    },
)
