"""Mistakes in train_step (1.5), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

TRAIN_STEP = mistakes(
    "1.5",
    "train_step",
    {
        "This is the gradient of the MEAN over instances, which depends on their number. Use the "
        "sum.": {".sum(": ".mean("},
        "Old gradients are never cleared: backward() adds to them. Call zero_grad() before it.": {
            "optimizer.zero_grad()": "pass"
        },
        "These are the losses AFTER the update. Compute them before the step.": {
            "return losses": "return reconstruction_loss(model(x), target, importance)"
        },
        "This is the sum over instances. Return each instance's loss.": {
            "detach()": "detach().sum().expand(len(x))"
        },
        "One number is returned. Return each instance's loss.": [
            {"detach()": "sum().detach()"},
            {"detach()": "sum().item()"},
            {"detach()": "mean().detach()"},
            {"detach()": "mean().item()"},
        ],
        "This is the mean over instances. Return each instance's loss.": {
            "detach()": "detach().mean().expand(len(x))"
        },
        "The output is compared with x. The target may be something else.": {"target": "x"},
        "The model gets the target as its input. Its input is x.": {"model(x),": "model(target),"},
        "x and target are exchanged.": {"model(x), target": "model(target), x"},
        "Importance is not applied.": {"importance)": "torch.ones_like(importance))"},
        "Importance is applied twice.": {"importance)": "importance**2)"},
        "The step goes uphill.": {"losses.sum()": "(-losses.sum())"},
        "Only the first instance is updated. Sum the losses of all.": {".sum()": "[0]"},
        "Only the last instance is updated. Sum the losses of all.": {".sum()": "[-1]"},
        "The output is compared with |x|. Compare it with target.": {"target": "x.abs()"},
        "Only the instance with the largest loss is updated. Sum the losses of all.": {
            ".sum()": ".max()"
        },
        "backward() is called twice, so that the gradient is doubled.": {
            "losses.sum().backward()": (
                "losses.sum().backward(retain_graph=True)\nlosses.sum().backward()"
            )
        },
        "This is the gradient of the logarithm of the losses. Sum the losses.": {
            ".sum()": ".log().sum()"
        },
        "This is the gradient of the square roots of the losses. Sum the losses.": {
            ".sum()": ".sqrt().sum()"
        },
        "The gradient is scaled to norm 1.": {
            "optimizer.step()": "for p in model.parameters():\n    p.grad /= p.grad.norm()\n"
            "optimizer.step()"
        },
        "Only the first example is used. Use the whole batch.": {
            "model(x), target": "model(x[:, :1]), target[:, :1]"
        },
        "The importances are scaled to sum to 1. Use them as they are.": {
            "importance)": "importance / importance.sum(-1, keepdim=True))"
        },
        "The importances are scaled to a mean of 1. Use them as they are.": {
            "importance)": "importance / importance.mean(-1, keepdim=True))"
        },
        "The returned losses are divided by the number of instances.": {
            "detach()": "detach() / len(losses)"
        },
        "This is the gradient of the plain mean squared error. Use reconstruction_loss.": {
            "reconstruction_loss(model(x), target, importance)": (
                "(model(x) - target).square().mean((1, 2))"
            )
        },
        "The gradient is divided by the batch. The loss is already a mean over examples.": {
            "losses.sum()": "(losses.sum() / x.shape[1])"
        },
        "This is the gradient of the mean over features. reconstruction_loss sums over them.": {
            "losses.sum()": "(losses.sum() / x.shape[-1])"
        },
        "The step is taken twice.": {"optimizer.step()": "[optimizer.step() for _ in range(2)]"},
        "The gradient is clipped to norm 1.": {
            "optimizer.step()": "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"
            "optimizer.step()"
        },
        "The weights are updated by hand. The optimizer's own step() has momentum here.": {
            "optimizer.step()": "for p in model.parameters():\n"
            "    p.data -= optimizer.param_groups[0]['lr'] * p.grad"
        },
        "The weights do not move. Call zero_grad(), backward(), optimizer.step(), in this order.": [
            {"optimizer.zero_grad()": "pass", "optimizer.step()": "optimizer.zero_grad()"},
            {"optimizer.step()": "pass"},
            {"losses.sum().backward()": "pass"},
            {
                "optimizer.zero_grad()\nlosses.sum().backward()": (
                    "losses.sum().backward()\noptimizer.zero_grad()"
                )
            },
        ],
        "The optimizer steps before backward(), with the gradient of the previous step.": {
            "optimizer.zero_grad()\nlosses.sum().backward()\noptimizer.step()": (
                "optimizer.step()\noptimizer.zero_grad()\nlosses.sum().backward()"
            )
        },
    },
    unnamed={
        "still have their graph": {".detach()": ""},
        "wrong shape or type": {"detach()": "tolist()"},
        "switches gradients on or off": {"return": "torch.set_grad_enabled(False)\nreturn"},
        "one step updates all instances": """
            losses = reconstruction_loss(model(x), target, importance)
            for loss in losses:
                optimizer.zero_grad()
                loss.backward(retain_graph=True)
                optimizer.step()
            return losses.detach()
            """,
        "The optimizer that was passed in takes no step": {
            "optimizer.zero_grad()": "optimizer = type(optimizer)(model, 0.03)\n"
            "optimizer.zero_grad()"
        },
        "backward() needs one number": {"sum().": ""},
    },
)
RIGHT_1_5 = right_answers(
    "1.5",
    "train_step",
    {
        "cleared at the end": """
            losses = reconstruction_loss(model(x), target, importance)
            losses.sum().backward()
            optimizer.step()
            optimizer.zero_grad()
            return losses.detach()
            """,
        "ones as gradients": {"sum().backward()": "backward(torch.ones_like(losses))"},
        "a closure": """
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
        "gradients asked for by name": """
            weights = list(model.parameters())
            losses = reconstruction_loss(model(x), target, importance)
            for weight, gradient in zip(weights, torch.autograd.grad(losses.sum(), weights)):
                weight.grad = gradient
            optimizer.step()
            return losses.data
            """,
    },
)
