"""Mistakes of chapter 8 that ordinary batches do not show."""

from tests.grading.mistakes import mistakes, right_answers

LOSS = mistakes(
    "8.2",
    "VanillaSAE.loss_parts",
    {
        "Is the batch taken to be the first axis alone? All axes but the last hold tokens.": {
            "made.acts.sum(dim=-1).mean()": "made.acts.sum() / len(x)"
        },
        "Is the sum over axis 1? The latents are the last axis.": {
            "made.acts.sum(dim=-1)": "made.acts.sum(dim=1)"
        },
    },
)
WEIGHTED = mistakes(
    "8.4",
    "NormWeightedSAE.loss_parts",
    {
        "Is the batch taken to be the first axis alone? All axes but the last hold tokens.": {
            "(made.acts @ lengths).mean()": "(made.acts @ lengths).sum() / len(x)"
        }
    },
)
PARAMETERS = [
    *mistakes(
        "8.4",
        "fold_decoder_norm",
        unnamed={
            "became new parameters": {
                "sae.W_dec /= norms[:, None]": (
                    "sae.W_dec = torch.nn.Parameter(sae.W_dec / norms[:, None])"
                )
            }
        },
    ),
    *mistakes(
        "8.5",
        "fold_input_scale",
        unnamed={
            "became new parameters": {
                "sae.W_dec /= scale": "sae.W_dec = torch.nn.Parameter(sae.W_dec / scale)"
            }
        },
    ),
]
VARIANCE = [
    *mistakes(
        "8.7",
        "fraction_unexplained",
        {
            "Are two large sums subtracted from each other? Subtract the mean before squaring.": (
                "below = x.square().sum() - len(x) * x.mean(dim=0).square().sum()\n"
                "return (x - x_hat).square().sum() / below"
            ),
            "Is the fraction cut off at 1? Worse than the mean is possible.": {
                "(x - x_hat).square().sum() / (x - x.mean(dim=0)).square().sum()": (
                    "((x - x_hat).square().sum() / (x - x.mean(dim=0)).square().sum()).clamp(max=1)"
                )
            },
        },
    ),
    *mistakes(
        "8.7",
        "centered_explained_variance",
        {
            "Is the share cut off at 0? Worse than the mean is possible.": {
                "1 - unexplained / (x - x.mean(dim=0)).square().sum()": (
                    "(1 - unexplained / (x - x.mean(dim=0)).square().sum()).clamp(min=0)"
                )
            },
        },
    ),
]
GAMMA = mistakes(
    "8.8",
    "shrinkage",
    {
        "Is the absolute value of the product taken? Gamma may be negative.": {
            "(x_hat * x).sum()": "(x_hat * x).sum().abs()"
        }
    },
)
THRESHOLD = mistakes(
    "8.9",
    "recover_features",
    {
        "Does a cosine equal to the threshold count? It must be above.": {
            "cosine > threshold": "cosine >= threshold"
        }
    },
)
DRAWN = mistakes(
    "8.10", "draw_inputs", unnamed={"": {"losses.square()": "losses.float().square()"}}
)
RESAMPLED = mistakes(
    "8.11",
    "resample",
    {
        "Are latents that stay dead taken as alive? The mean is over those that are not dead.": {
            "sae.W_enc[:, ~dead]": (
                "sae.W_enc[:, torch.ones_like(dead).index_fill(0, latents, False)]"
            )
        },
        "Are biases of latents that stay dead set to zero? Write to `latents` only.": {
            "sae.b_enc[latents] = 0": "sae.b_enc[dead] = 0"
        },
        "Are moments of latents that stay dead set to zero? Write to `latents` only.": {
            "index_fill_(where, latents, 0)": "index_fill_(where, dead.nonzero()[:, 0], 0)"
        },
        "Is Adam's count of steps set to zero? It belongs to all latents.": {
            "return latents": (
                "for weight in (sae.W_dec, sae.W_enc, sae.b_enc):\n"
                "    if 'step' in optimizer.state[weight]:\n"
                "        optimizer.state[weight]['step'].zero_()\n"
                "return latents"
            )
        },
        "Is silent_for of latents that stay dead set to zero?": {
            "sae.b_enc[latents] = 0": "sae.b_enc[latents] = 0\nsae.silent_for[dead] = 0"
        },
    },
    unnamed={
        "exp_avg": {
            "if moment in optimizer.state[weight]:\n            optimizer": "if True:\n            optimizer"
        }
    },
)
STEP = mistakes(
    "8.12",
    "train_step",
    {
        "Are gradients removed after the step only? Those of an earlier pass count then.": {
            "optimizer.zero_grad()\n": "",
            "sae.constrain_weights()": "sae.constrain_weights()\noptimizer.zero_grad()",
        },
        "Is the auxiliary loss left out?": {
            "result.loss.total(sparsity_weight)": (
                "(result.loss.reconstruction + sparsity_weight * result.loss.sparsity)"
            )
        },
        "Is the SAE run again for the gradients? Use `result`, the given pass.": {
            "result.loss.total(sparsity_weight)": ("dense_pass(sae, x).loss.total(sparsity_weight)")
        },
        "Is a clip of 0 taken for None?": {"if clip is not None": "if clip"},
    },
    unnamed={
        "that of the given pass": {
            "return result": "return TrainingPass(result.loss, result.n_active / len(x))"
        }
    },
)
MASK = mistakes(
    "8.14",
    "keep_mask",
    {
        "Is a length at the limit left out? Only longer ones are.": {
            "lengths <= config": "lengths < config"
        },
        "Is the largest entry taken for the length?": {
            "acts.norm(dim=-1)": "acts.abs().amax(dim=-1)"
        },
        "Are squares summed in float16? They overflow, lengths do not: use norm.": {
            "acts.norm(dim=-1)": "acts.square().sum(dim=-1).sqrt()"
        },
        "Is the median taken before position 0 is left out?": {
            "if config.skip_first:\n    keep[:, 0] = False\n": "",
            "return keep": "if config.skip_first:\n    keep[:, 0] = False\nreturn keep",
        },
        "Is the median taken again after massive rows were left out? The rule is applied once.": {
            "keep &= lengths <= config.massive_factor * lengths[keep].median()": (
                "for _ in range(3):\n"
                "        keep &= lengths <= config.massive_factor * lengths[keep].median()"
            )
        },
    },
)
MEAN = mistakes(
    "8.15",
    "Moments.mean",
    {
        "Does `mean` change the sum? It is read more than once.": {
            "return self.sum / self.n_rows": "self.sum /= self.n_rows\nreturn self.sum"
        }
    },
)
COMBINE = mistakes(
    "8.17",
    "SplicedPoint.combine",
    {
        "Is the reconstruction decoded again? A hook on hook_sae_recons has changed `recons`.": {
            "(recons - x_hat)": "(self.sae.decode(edited) - x_hat)"
        },
        "Does hook_sae_recons see both reconstructions? Decode acts without it.": {
            "x_hat = self.sae.decode(acts)": "x_hat = self.hook_sae_recons(self.sae.decode(acts))"
        },
        "Is x_hat detached?": {
            "x_hat = self.sae.decode(acts)": "x_hat = self.sae.decode(acts).detach()"
        },
        "Is x detached?": {"return x + ": "return x.detach() + "},
        "Is x returned early where nothing is edited? The latents then have no gradient.": {
            "return x + (recons - x_hat)": (
                "return x if torch.equal(acts, edited) else x + (recons - x_hat)"
            )
        },
    },
)
LEARN = mistakes(
    "8.19",
    "learn_dictionary",
    unnamed={
        "With steps = 1": {"range(steps)": "range(steps - 1)"},
        "of W_enc by .003": [
            {"range(steps)": "range(steps + 1)"},
            {"optimizer.step()": "torch.optim.Adam(weights, lr=3e-3).step()"},
        ],
        "keep the learning rate": {
            "for _ in range(steps):": (
                "for step in range(steps):\n"
                "        optimizer.param_groups[0]['lr'] = 3e-3 * (1 - step / steps)"
            )
        },
        "of the 400 directions": [
            {"(256,)": "(32,)"},
            {"[torch.randint(len(x), (256,), generator=generator)]": ""},
        ],
        "drawn once": {
            "for _ in range(steps):": (
                "one = torch.randint(len(x), (256,), generator=generator)\n"
                "    for _ in range(steps):"
            ),
            "torch.randint(len(x), (256,), generator=generator)]": "one]",
        },
        "other initial weights": {
            "torch.randn(d_sae, x.shape[1], generator=generator)": (
                "torch.randn(d_sae, x.shape[1], generator=torch.Generator().manual_seed(0))"
            )
        },
    },
)
RIGHT = [
    *right_answers(
        "8.14",
        "keep_mask",
        {"the middle of two": {"lengths[keep].median()": "lengths[keep].float().quantile(0.5)"}},
    ),
]
