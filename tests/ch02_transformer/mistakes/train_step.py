"""Mistakes in the exercises of train_step, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

CLIP = "nn.utils.clip_grad_norm_(model.parameters(), clip)"
TRAIN_STEP = mistakes(
    "2.16",
    "train_step",
    {
        "The weights did not move. Call zero_grad(), backward(), clip_grad_norm_(), step(), in order.": [
            {"optimizer.step()\n": ""},
            {"optimizer.zero_grad()\nloss.backward()": "loss.backward()\noptimizer.zero_grad()"},
            {
                "loss.backward()": "optimizer.step()\nloss.backward()",
                CLIP + "\noptimizer.step()": CLIP,
            },
        ],
        "Is the old gradient still there? backward() adds to it: call zero_grad() before.": {
            "optimizer.zero_grad()\n": ""
        },
        "The gradient was not clipped. Clip between backward() and step().": [
            {CLIP + "\n": ""},
            {CLIP + "\noptimizer.step()": "optimizer.step()\n" + CLIP},
            {"loss.backward()\n" + CLIP: CLIP + "\nloss.backward()"},
        ],
        "Is each parameter clipped by itself? Clip the norm over all parameters together.": {
            CLIP: "[nn.utils.clip_grad_norm_(p, clip) for p in model.parameters()]"
        },
        "Is each entry cut to [-clip, clip]? Clip the norm of the whole gradient.": {
            "grad_norm_": "grad_value_"
        },
        "Is a short gradient scaled up to clip? Leave it as it is.": {
            CLIP: "n = sum(p.grad.norm() ** 2 for p in model.parameters()) ** 0.5\n[p.grad.mul_(clip / n) for p in model.parameters()]"
        },
        "Is the largest entry clipped? Clip the norm, the root of the sum of squares.": {
            CLIP: "nn.utils.clip_grad_norm_(model.parameters(), clip, norm_type=float('inf'))"
        },
        "This is the loss after the update. Return the one before it.": {
            "loss.item()": "next_token_loss(model(tokens), tokens).item()"
        },
        "The sign is flipped: the step raises the loss.": {"loss.backward()": "(-loss).backward()"},
        "Is the shift done twice? next_token_loss shifts already.": {
            "(model(tokens), tokens)": "(model(tokens)[:, :-1], tokens[:, 1:])"
        },
        "The gradient was clipped to norm 1, whatever clip is.": {", clip)": ", 1.0)"},
        "Are the weights updated by hand? Call the optimizer's own step(), which has momentum.": [
            {
                "optimizer.step()": "torch.optim.SGD(model.parameters(), optimizer.param_groups[0]['lr']).step()"
            },
            {
                "optimizer.step()": "for g in optimizer.param_groups:\n    for p in g['params']:\n        p.data -= g['lr'] * p.grad"
            },
        ],
        "Is the loss itself clipped?": {
            "loss.backward()\nnn.utils.clip_grad_norm_(model.parameters(), clip)": "loss.clamp(max=clip).backward()"
        },
        "Are the weights clipped, and not the gradient?": {
            "nn.utils.clip_grad_norm_(model.parameters(), clip)": "with torch.no_grad():\n    for weight in model.parameters():\n        weight.clamp_(-clip, clip)"
        },
        "Is a tensor returned, and not a float?": [
            {"return loss.item()": "return loss"},
            {"return loss.item()": "return loss.detach()"},
        ],
        "Is nothing returned?": {"return loss.item()": "return None"},
        "Is the step taken twice?": {"optimizer.step()\n": "optimizer.step()\noptimizer.step()\n"},
        "Is the clipped norm returned?": {
            "nn.utils.clip_grad_norm_(model.parameters(), clip)": "loss = nn.utils.clip_grad_norm_(model.parameters(), clip)"
        },
        "Is only the first text used?": {
            "next_token_loss(model(tokens), tokens)": "next_token_loss(model(tokens[:1]), tokens[:1])"
        },
        "Is the norm a sum of absolute values, and not the root of squares?": {
            ", clip)": ", clip, norm_type=1)"
        },
        "Is the gradient divided by clip?": {
            "nn.utils.clip_grad_norm_(model.parameters(), clip)": "for weight in model.parameters():\n    weight.grad.div_(clip)"
        },
        "Is the loss divided by the number of texts? It is a mean already.": {
            "loss.backward()": "(loss / len(tokens)).backward()"
        },
        "Is the loss multiplied by the number of tokens? It is a mean.": {
            "loss.backward()": "(loss * tokens[:, 1:].numel()).backward()"
        },
        "Is the loss rounded?": {"return loss.item()": "return round(loss.item(), 2)"},
    },
    unnamed={
        "return value of train.train_step": {"loss.item()": "loss"},
        "the step used": {CLIP: "nn.utils.clip_grad_norm_(next(model.parameters()), clip)"},
        "the step used a gradient": {"loss.backward()": "loss.clamp(max=clip).backward()"},
        "The loss of this batch": {
            CLIP: f"n = {CLIP}",
            "loss.item()": "n.item()",
        },
    },
)
RIGHT_2_16 = right_answers(
    "2.16",
    "train_step",
    {
        "a closure": """
            def closure():
                optimizer.zero_grad()
                loss = next_token_loss(model(tokens), tokens)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), clip)
                return loss
            return optimizer.step(closure).item()
            """,
        "gradients asked for by name": """
            weights = list(model.parameters())
            loss = next_token_loss(model(tokens), tokens)
            gradients = torch.autograd.grad(loss, weights)
            length = sum(g.pow(2).sum() for g in gradients).sqrt().item()
            for weight, gradient in zip(weights, gradients):
                weight.grad = gradient * min(1.0, clip / length)
            optimizer.step()
            return float(loss)
            """,
        "cleared at the end": """
            loss = next_token_loss(model(tokens), tokens)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            optimizer.zero_grad()
            return loss.item()
            """,
        "cleared to zeros": {"optimizer.zero_grad()": "model.zero_grad(set_to_none=False)"},
        "clipped by hand": {
            CLIP: "length = torch.stack([p.grad.norm() for p in model.parameters()]).norm()\nif length > clip:\n    for p in model.parameters():\n        p.grad = p.grad * (clip / length)"
        },
    },
)
