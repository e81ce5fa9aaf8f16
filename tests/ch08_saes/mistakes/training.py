"""Mistakes in resampling (8.10, 8.11), a training step (8.12) and schedules (8.13)."""

from tests.grading.mistakes import mistakes, right_answers

DRAW = "return torch.multinomial({}, possible, replacement=False, generator=generator)"

DRAWN = mistakes(
    "8.10",
    "draw_inputs",
    unnamed={
        "must be drawn with shares": [
            DRAW.format("losses"),
            DRAW.format("(losses > 0).double()"),
            DRAW.format("losses.pow(4)"),
            DRAW.format("losses.softmax(dim=0)"),
            "return losses.argsort(descending=True)[:possible]",
        ],
        "different inputs": (
            "return torch.multinomial(losses.square(), possible, replacement=True, "
            "generator=generator)"
        ),
        "torch's global random state changed": (
            "return torch.multinomial(losses.square(), possible, replacement=False)"
        ),
    },
)
ALIVE = "sae.W_enc[:, ~dead].norm(dim=0).mean()"
RESAMPLED = mistakes(
    "8.11",
    "resample",
    {
        "Do all dead latents get the same input? Each gets one of its own.": {
            "sae.W_dec[latents] = directions": (
                "directions = directions[:1].expand(len(latents), -1)\n"
                "sae.W_dec[latents] = directions"
            )
        },
        "Is the encoder column as long as those alive? It has .2 of their length.": {
            "ENCODER_SCALE * alive_norm": "alive_norm"
        },
        "Is the encoder column of length .2? It has .2 of the mean length of those alive.": {
            "ENCODER_SCALE * alive_norm": "ENCODER_SCALE"
        },
        "Are dead latents in the mean length? It is that of the latents alive.": {
            ALIVE: "sae.W_enc.norm(dim=0).mean()"
        },
        "Is this the length of W_enc as a whole? It is the mean length of its columns.": {
            ALIVE: "sae.W_enc[:, ~dead].norm()"
        },
        "Is the mean over rows of W_enc? A latent's encoder is a column.": {
            ALIVE: "sae.W_enc[:, ~dead].norm(dim=1).mean()"
        },
        "Is the encoder bias left as it was? It becomes 0.": {"sae.b_enc[latents] = 0": "pass"},
        "Are Adam's moments left as they were?": {
            "optimizer.state[weight][moment].index_fill_(where, latents, 0)": "pass"
        },
        "Are all moments set to zero? Only those of resampled latents are.": {
            ".index_fill_(where, latents, 0)": ".zero_()"
        },
        "Is exp_avg_sq left as it was? Both moments belong to the old weights.": {
            '("exp_avg", "exp_avg_sq")': '("exp_avg",)'
        },
        "Are the moments of b_enc left as they were?": {", (sae.b_enc, 0))": ")"},
        "Are moments of W_enc set to zero by row? A latent's encoder is a column.": {
            "(sae.W_enc, 1)": "(sae.W_enc, 0)"
        },
        "Are decoder rows as long as the inputs? They are unit vectors.": {
            "sae.W_dec[latents] = directions": "sae.W_dec[latents] = x[drawn]"
        },
        "Are all biases set to zero? Write to `latents` only.": {
            "sae.b_enc[latents] = 0": "sae.b_enc.zero_()"
        },
    },
)
STEP = """
optimizer.zero_grad()
result.loss.total(sparsity_weight).backward()
sae.constrain_gradients()
if clip is not None:
    nn.utils.clip_grad_norm_(sae.parameters(), clip)
optimizer.step()
sae.constrain_weights()
return result
"""
CLIP = "if clip is not None:\n    nn.utils.clip_grad_norm_(sae.parameters(), clip)\n"
TRAIN_STEP = mistakes(
    "8.12",
    "train_step",
    {
        "Are gradients of earlier steps not removed?": {"optimizer.zero_grad()\n": ""},
        "Are gradients not constrained between backward and the step?": [
            {"sae.constrain_gradients()\n": ""},
            {
                "sae.constrain_gradients()\n": "",
                "optimizer.step()\n": "optimizer.step()\nsae.constrain_gradients()\n",
            },
        ],
        "Are weights not constrained? constrain_weights comes after the step.": {
            "sae.constrain_weights()\n": ""
        },
        "Are weights constrained before the step? It moves them again.": {
            "sae.constrain_weights()\n": "",
            "optimizer.step()\n": "sae.constrain_weights()\noptimizer.step()\n",
        },
        "Is the gradient clipped before it is constrained? What is removed must not count.": {
            "sae.constrain_gradients()\n": "",
            CLIP: CLIP + "sae.constrain_gradients()\n",
        },
        "Is the gradient not clipped?": {CLIP: ""},
        "Is each weight's gradient clipped alone? Clip the norm over all weights.": {
            CLIP: "if clip is not None:\n    for weight in sae.parameters():\n"
            "        nn.utils.clip_grad_norm_(weight, clip)\n"
        },
        "Are single entries clipped? Clip the norm over all weights.": {
            CLIP: "if clip is not None:\n    nn.utils.clip_grad_value_(sae.parameters(), clip)\n"
        },
        "Is the sparsity weight not used?": {"total(sparsity_weight)": "total()"},
        "Is there no step?": {"optimizer.step()\n": ""},
    },
    base=STEP,
)
RATE = mistakes(
    "8.13",
    "learning_rate",
    {
        "Does the warm-up begin at zero? Its first step has lr / n.": {
            "(step + 1) / config.lr_warmup": "step / config.lr_warmup"
        },
        "Does the last step have a rate of zero? It has lr / m.": {
            "(config.steps - step)": "(config.steps - step - 1)"
        },
        "Does the decay begin one step late?": {
            "(config.steps - step)": "(config.steps - step + 1)"
        },
        "Is the warm-up left out?": {"min(1.0, rising, falling)": "min(1.0, falling)"},
        "Is the decay left out?": {"min(1.0, rising, falling)": "min(1.0, rising)"},
        "Does the decay begin at the first step? It is over the last m steps.": {
            "(config.steps - step) / config.lr_decay if config.lr_decay": (
                "(config.steps - step) / config.steps if config.lr_decay"
            )
        },
        "Is this the factor alone? Multiply by lr.": {"config.lr * min": "min"},
        "Does the rate keep rising after the warm-up?": {
            "min(1.0, rising, falling)": "min(rising if config.lr_warmup else 1.0, "
            "falling if config.lr_decay else rising)"
        },
    },
)
SPARSITY = mistakes(
    "8.13",
    "sparsity_weight",
    {
        "Is the weight above zero at step 0?": {
            "step / config.sparsity_warmup": "(step + 1) / config.sparsity_warmup"
        },
        "Does the weight keep rising? It is 1 from step `sparsity_warmup` on.": {
            "min(1.0, step / config.sparsity_warmup)": "step / config.sparsity_warmup"
        },
        "Is the weight zero without a warm-up? It is 1.": {
            "config.sparsity_warmup else 1.0": "config.sparsity_warmup else 0.0"
        },
        "Is the penalty switched on at once? It grows linearly.": {
            "min(1.0, step / config.sparsity_warmup)": ("float(step >= config.sparsity_warmup)")
        },
        "Does the weight fall? It grows.": {
            "min(1.0, step / config.sparsity_warmup)": (
                "max(0.0, 1 - step / config.sparsity_warmup)"
            )
        },
    },
)
RIGHT = [
    *right_answers(
        "8.10",
        "draw_inputs",
        {
            "exponential clocks": (
                "clocks = torch.rand(len(losses), generator=generator, dtype=torch.float64)\n"
                "times = -(1 - clocks).log() / losses.square()\n"
                "return times.argsort()[:possible]"
            )
        },
    ),
    *right_answers(
        "8.11",
        "resample",
        {
            "latent by latent": """
            alive = [float(sae.W_enc[:, i].norm()) for i in range(sae.d_sae) if not dead[i]]
            length = ENCODER_SCALE * sum(alive) / len(alive)
            for i, direction in zip(latents.tolist(), directions, strict=True):
                sae.W_dec.data[i] = direction
                sae.W_enc.data[:, i] = length * direction
                sae.b_enc.data[i] = 0.0
                for moment in ("exp_avg", "exp_avg_sq"):
                    if not optimizer.state.get(sae.W_dec):
                        continue
                    optimizer.state[sae.W_dec][moment][i] = 0
                    optimizer.state[sae.W_enc][moment][:, i] = 0
                    optimizer.state[sae.b_enc][moment][i] = 0
            return latents
            """
        },
    ),
    *right_answers(
        "8.12",
        "train_step",
        {
            "autograd.grad": """
            weights = list(sae.parameters())
            gradients = torch.autograd.grad(result.loss.total(sparsity_weight), weights)
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
            sae.constrain_gradients()
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(weights, max_norm=clip)
            optimizer.step()
            sae.constrain_weights()
            return result
            """
        },
    ),
    *right_answers(
        "8.13",
        "learning_rate",
        {
            "cases": {
                "learning_rate": """
                if step < config.lr_warmup:
                    return config.lr * (step + 1) / config.lr_warmup
                left = config.steps - step
                if left < config.lr_decay:
                    return config.lr * left / config.lr_decay
                return config.lr
                """,
                "sparsity_weight": """
                if step >= config.sparsity_warmup:
                    return 1.0
                return step / config.sparsity_warmup
                """,
            }
        },
    ),
]
