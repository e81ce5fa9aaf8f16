"""Mistakes in the exercises of train_step, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

TRAIN_STEP = mistakes(
    "2.16",
    "train_step",
    {
        "Does the gain come before the normalising? It comes after.": """
            loss = next_token_loss(model(tokens), tokens)
            loss.backward()
            optimizer.zero_grad()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            return loss.item()
            """,
        "The old gradient was never cleared: backward() adds to what is there, so zero_grad() belongs before it.": {
            "    optimizer.zero_grad()\n": ""
        },
        "The gradient was not shortened: clip between backward() and step().": [
            {"    nn.utils.clip_grad_norm_(model.parameters(), clip)\n": ""},
            """
            loss = next_token_loss(model(tokens), tokens)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            return loss.item()
            """,
            """
            loss = next_token_loss(model(tokens), tokens)
            optimizer.zero_grad()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            loss.backward()
            optimizer.step()
            return loss.item()
            """,
        ],
        "Each parameter was shortened by itself, which turns the gradient; clip is for all parameters together.": {
            "nn.utils.clip_grad_norm_(model.parameters(), clip)": "[nn.utils.clip_grad_norm_(p, clip) for p in model.parameters()]"
        },
        "Each number was cut to [-clip, clip] by itself, which turns the gradient; clip is for its length.": {
            "grad_norm_": "grad_value_"
        },
        "It was lengthened to clip.": {
            "nn.utils.clip_grad_norm_(model.parameters(), clip)": "n = sum(p.grad.norm() ** 2 for p in model.parameters()) ** 0.5\n[p.grad.mul_(clip / n) for p in model.parameters()]"
        },
        "The length is the root of the sum of squares, not the largest number.": {
            "nn.utils.clip_grad_norm_(model.parameters(), clip)": "nn.utils.clip_grad_norm_(model.parameters(), clip, norm_type=float('inf'))"
        },
        "That is the loss after the update; compute it before the step.": {
            "loss.item()": "next_token_loss(model(tokens), tokens).item()"
        },
        "The step goes uphill: gradient descent lowers the loss.": {
            "loss.backward()": "(-loss).backward()"
        },
        "The weights did not move, though there is a gradient: call optimizer.step(), after backward().": """
            loss = next_token_loss(model(tokens), tokens)
            optimizer.zero_grad()
            optimizer.step()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            return loss.item()
            """,
        "The loss is shifted twice; next_token_loss shifts by itself.": {
            "(model(tokens), tokens)": "(model(tokens)[:, :-1], tokens[:, 1:])"
        },
        "The gradient was shortened to length 1, whatever clip is.": {", clip)": ", 1.0)"},
        "The weights are moved by hand; the optimizer's own step() has momentum here.": [
            {
                "optimizer.step()": "torch.optim.SGD(model.parameters(), optimizer.param_groups[0]['lr']).step()"
            },
            {
                "optimizer.step()": "for g in optimizer.param_groups:\n    for p in g['params']:\n        p.data -= g['lr'] * p.grad"
            },
        ],
    },
    unnamed={
        "return value of train.train_step": {"loss.item()": "loss"},
        "call optimizer.step()": {"    optimizer.step()\n": ""},
        "and the step used one of length": {
            "nn.utils.clip_grad_norm_(model.parameters(), clip)": "nn.utils.clip_grad_norm_(next(model.parameters()), clip)"
        },
        "no gradient": {"loss.backward()": "loss.clamp(max=clip).backward()"},
        "The loss of this batch": {
            "    nn.utils.clip_grad_norm_(model.parameters(), clip)\n": "    n = nn.utils.clip_grad_norm_(model.parameters(), clip)\n",
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
            "nn.utils.clip_grad_norm_(model.parameters(), clip)": "length = torch.stack([p.grad.norm() for p in model.parameters()]).norm()\nif length > clip:\n    for p in model.parameters():\n        p.grad = p.grad * (clip / length)"
        },
    },
)
