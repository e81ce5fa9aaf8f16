"""Variants of exercise 2.16."""

from tests.grading.variants import Right, Wrong

CLIP = "nn.utils.clip_grad_norm_(model.parameters(), clip)"
ZERO, BACK, STEP = "optimizer.zero_grad()", "loss.backward()", "optimizer.step()"


def order(*lines: str) -> dict[str, str]:
    """A training step of these lines, in this order."""
    first = "loss = next_token_loss(model(tokens), tokens)"
    return {"train_step": "\n".join([first, *lines, "return loss.item()"])}


WRONG = [
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
    Wrong("2.16", "clipped to 1", {", clip)": ", 1.0)"}, says="to length 1, whatever clip is"),
    Wrong(
        "2.16",
        "the first parameter clipped",
        {CLIP: CLIP.replace("model.parameters()", "next(model.parameters())")},
        says="and the step used one of length",
    ),
    Wrong(
        "2.16",
        "an optimizer of its own",
        {STEP: "torch.optim.SGD(model.parameters(), optimizer.param_groups[0]['lr']).step()"},
        says="by hand",
    ),
    Wrong(
        "2.16", "the loss clipped", {BACK: "loss.clamp(max=clip).backward()"}, says="no gradient"
    ),
    Wrong(
        "2.16",
        "returns the length of the gradient",
        {f"    {CLIP}\n": f"    n = {CLIP}\n", "loss.item()": "n.item()"},
        says="The loss of this batch",
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
        "2.16",
        "a closure",
        body={
            "train_step": """
            def closure():
                optimizer.zero_grad()
                loss = next_token_loss(model(tokens), tokens)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), clip)
                return loss
            return optimizer.step(closure).item()
            """
        },
    ),
    Right(
        "2.16",
        "gradients asked for by name",
        body={
            "train_step": """
            weights = list(model.parameters())
            loss = next_token_loss(model(tokens), tokens)
            gradients = torch.autograd.grad(loss, weights)
            length = sum(g.pow(2).sum() for g in gradients).sqrt().item()
            for weight, gradient in zip(weights, gradients):
                weight.grad = gradient * min(1.0, clip / length)
            optimizer.step()
            return float(loss)
            """
        },
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
