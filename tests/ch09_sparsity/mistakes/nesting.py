"""Mistakes in Matryoshka (9.14), absorption (9.15), power laws (9.16, 9.17) and 9.18."""

from tests.grading.mistakes import mistakes, right_answers

NESTED = mistakes(
    "9.14",
    "MatryoshkaSAE.nested_error",
    {
        "Is this the sum over prefixes? It is their mean.": {
            "torch.stack(errors).mean()": "torch.stack(errors).sum()"
        },
        "Are larger prefixes weighted more? Every prefix counts once.": {
            "return torch.stack(errors).mean()": (
                "sizes = torch.tensor(self.prefixes).to(x)\n"
                "return (torch.stack(errors) * sizes).sum() / sizes.sum()"
            )
        },
        "Is this the error of all latents alone?": {"torch.stack(errors).mean()": "errors[-1]"},
        "Does each group reconstruct alone? A prefix holds all groups before it too.": {
            "x_hat = x_hat + acts": "x_hat = self.b_dec + acts"
        },
        "Is b_dec added once per group? Each reconstruction has it once.": {
            "x_hat = x_hat + acts[..., start:end] @ self.W_dec[start:end]": (
                "x_hat = x_hat + acts[..., start:end] @ self.W_dec[start:end] + self.b_dec"
            )
        },
        "Is b_dec missing?": {"self.b_dec.expand_as(x)": "torch.zeros_like(x)"},
        "Is the last prefix left out?": {"in self.prefixes:": "in self.prefixes[:-1] or [0]:"},
        "Are prefixes taken from the end? They hold the first latents.": {
            "acts[..., start:end] @ self.W_dec[start:end]": (
                "acts.flip(-1)[..., start:end] @ self.W_dec.flip(0)[start:end]"
            )
        },
        "Is one latent too few in each prefix?": {
            "acts[..., start:end] @ self.W_dec[start:end]": (
                "acts[..., start : end - 1] @ self.W_dec[start : end - 1]"
            )
        },
    },
    unnamed={"is something detached": {"errors.append": "x_hat = x_hat.detach(); errors.append"}},
)
DETECTOR = mistakes(
    "9.15",
    "best_detector",
    {
        "Are recall and precision exchanged?": {
            "recall = both / present.sum()": "precision = both / present.sum()",
            "precision = both / active": "recall = both / active",
        },
        "Is this the latent with the best recall? One that is always active has recall 1.": {
            "f1.argmax()": "recall.argmax()"
        },
        "Is this the latent with the best precision? A rare one may have it.": {
            "f1.argmax()": "precision.argmax()"
        },
        "Is this the latent with the largest mean activation where the feature is present?": {
            "f1.argmax()": "acts[present].mean(dim=0).argmax()"
        },
        "Is this the accuracy? With a rare feature silence is accurate.": {
            "f1.argmax()": "(active == present[:, None]).double().mean(dim=0).argmax()"
        },
        "Is the mean of recall and precision used? F1 is their harmonic mean.": {
            "2 * recall * precision / (recall + precision).clamp(min=1e-12)": "recall + precision"
        },
    },
)
ABSORBED = mistakes(
    "9.15",
    "absorbed_fraction",
    {
        "Is the parent's latent chosen on all tokens? Choose it where the parent is alone.": {
            "acts[keep], alone[keep]": "acts, parent"
        },
        "Is this the share of tokens at which the latent is active? Holes are where it is silent.": {
            "acts[:, latent] <= 0": "acts[:, latent] > 0"
        },
        "Is the share that of all tokens? Divide by the tokens of the child.": {
            " / children.sum(dim=0)": " / len(acts)"
        },
        "Is the share that of silent tokens? Divide by the tokens of the child.": {
            " / children.sum(dim=0)": " / silent.sum()"
        },
        "Is the share that of the parent's tokens? Each child has its own.": {
            " / children.sum(dim=0)": " / parent.sum()"
        },
    },
    unnamed={"0 of 0 tokens": {" / children.sum(dim=0)": " / children.sum(dim=0).clamp(min=1)"}},
)
LOGS = "x, y = sizes.log(), errors.log()"
LAW = mistakes(
    "9.16",
    "fit_power_law",
    {
        "Are errors fitted without a logarithm?": {LOGS: "x, y = sizes.log(), errors"},
        "Are sizes fitted without a logarithm?": {LOGS: "x, y = sizes, errors.log()"},
        "Are logarithms of base 10 mixed with exp?": {LOGS: "x, y = sizes.log10(), errors.log10()"},
        "Is the constant the intercept of log error? Take its exponential.": {
            "intercept.exp().item()": "intercept.item()"
        },
        "Is the sign of the exponent flipped? It is negative when the error falls.": {
            "exponent.item(), r_squared": "-exponent.item(), r_squared"
        },
        "Is size fitted against error? The line predicts error from size.": {
            "/ (x - x.mean()).square().sum()": "/ (y - y.mean()).square().sum()"
        },
        "Is this the correlation, not its square?": {
            "1 - (residual / total).item()": "(1 - (residual / total).item()) ** 0.5"
        },
        "Is R squared the unexplained share?": {
            "1 - (residual / total).item()": "(residual / total).item()"
        },
        "Is the line forced through the point (1, 1)?": {
            "exponent = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()": (
                "exponent = (x * y).sum() / x.square().sum()"
            )
        },
    },
)
BOOTSTRAP = mistakes(
    "9.17",
    "bootstrap_power_law",
    {
        "Are points resampled? Seeds are the unit: whole rows.": {
            "rows = torch.randint(n_seeds, (n_seeds,), generator=generator)": (
                "rows = torch.randint(errors.numel(), (errors.numel(),), generator=generator)"
            ),
            "fit_power_law(sizes.repeat(n_seeds), errors[rows].flatten())": (
                "fit_power_law(sizes.repeat(n_seeds)[rows], errors.flatten()[rows])"
            ),
        },
        "Are seeds drawn without replacement? Every draw is then the same.": {
            "torch.randint(n_seeds, (n_seeds,), generator=generator)": (
                "torch.randperm(n_seeds, generator=generator)"
            )
        },
        "Is one seed drawn at a time? A resample has as many rows as the data.": {
            "torch.randint(n_seeds, (n_seeds,), generator=generator)": (
                "torch.randint(n_seeds, (1,), generator=generator).expand(n_seeds)"
            )
        },
        "Is this the range of all draws? Cut the tails off.": {
            "torch.tensor([tail, 1 - tail])": "torch.tensor([0.0, 1.0])"
        },
        "Is the whole rest cut off at each end? Half of it belongs to each tail.": {
            "tail = (1 - coverage) / 2": "tail = 1 - coverage"
        },
        "Is the interval that of the constant? The exponent's is wanted.": {
            ".exponent)": ".constant)"
        },
        "Is the law that of the mean errors? Fit all points.": {
            "return PowerLawInterval(law,": (
                "return PowerLawInterval(fit_power_law(sizes, errors.mean(dim=0)),"
            )
        },
    },
    unnamed={"come from the generator": {", generator=generator)": ")"}},
)
SCRATCH = mistakes(
    "9.18",
    "fit_topk_sae",
    {},
    unnamed={
        "do not have length 1": {"W_dec /= W_dec.norm(dim=1, keepdim=True)": "pass"},
        "still require gradients": {"w.detach() for w": "w for w"},
        "global random state": {
            "torch.randn(d_sae, x.shape[1], generator=generator)": "torch.randn(d_sae, x.shape[1])"
        },
        "of new tokens is unexplained": {
            "loss = (x - acts @ W_dec - b_dec)": "loss = (x - acts.detach() @ W_dec - b_dec)"
        },
        "Expected weights of shapes": {
            "Dictionary(*(w.detach() for w in weights))": (
                "Dictionary(*(w.detach().T for w in weights))"
            )
        },
        "active on each token, alone": [
            {"((x - b_dec) @ W_enc + b_enc)": "(x @ W_enc + b_enc)"},
            {
                "((x - b_dec) @ W_enc": "(x @ W_enc",
                "x.mean(dim=0)]": "x.new_zeros(x.shape[1])]",
            },
            {"((x - b_dec) @ W_enc + b_enc)": "((x - b_dec) @ W_enc)"},
            {".topk(k, dim=1)": ".topk(min(k + 1, d_sae), dim=1)"},
            {
                "values, indices =": "pre_acts =",
                ".topk(k, dim=1)": ".relu()",
                "torch.zeros(len(x), d_sae).to(x).scatter(1, indices, values.relu())": (
                    "pre_acts * (pre_acts >= pre_acts.flatten().topk(k * len(x)).values[-1])"
                ),
            },
        ],
        "does not follow the gradient": [
            {".sum(dim=1).mean()": ".sum(dim=1).mean() + 0.001 * acts.sum(dim=1).mean()"},
            {"acts @ W_dec - b_dec)": "acts @ W_dec - b_dec.detach())"},
        ],
    },
)
RIGHT = [
    *right_answers(
        "9.14",
        "MatryoshkaSAE.nested_error",
        {
            "prefix by prefix": (
                "total = 0\n"
                "for m in self.prefixes:\n"
                "    x_hat = acts[..., :m] @ self.W_dec[:m] + self.b_dec\n"
                "    total = total + (x - x_hat).pow(2).sum(-1).mean()\n"
                "return total / len(self.prefixes)"
            )
        },
    ),
    *right_answers(
        "9.15",
        "best_detector",
        {
            "with counts": (
                "active = (acts > 0).double()\n"
                "hits = present.double() @ active\n"
                "n = active.sum(0)\n"
                "f1 = 2 * hits / (n + present.sum())\n"
                "i = int(f1.argmax())\n"
                "return FeatureRecall(i, float(hits[i] / present.sum()), float(hits[i] / max(n[i], 1)))"
            )
        },
    ),
    *right_answers(
        "9.16",
        "fit_power_law",
        {
            "by lstsq": (
                "A = torch.stack([sizes.log(), torch.ones_like(sizes)], dim=1)\n"
                "slope, start = torch.linalg.lstsq(A, errors.log()).solution.tolist()\n"
                "y = errors.log()\n"
                "rest = (y - start - slope * sizes.log()).pow(2).sum()\n"
                "total = (y - y.mean()).pow(2).sum()\n"
                "flat = errors.max() / errors.min() < 1 + 1e-14\n"
                "r_squared = 1.0 if flat else 1 - float(rest / total)\n"
                "return PowerLaw(math_exp(start), slope, r_squared)"
            ).replace("math_exp(start)", "float(torch.tensor(start, dtype=torch.float64).exp())")
        },
    ),
    *right_answers(
        "9.17",
        "bootstrap_power_law",
        {
            "by means of slopes": (
                "slopes = torch.tensor([fit_power_law(sizes, row).exponent for row in errors])\n"
                "rows = torch.randint(n_seeds, (draws, n_seeds), generator=generator)\n"
                "tail = (1 - coverage) / 2\n"
                "ends = slopes[rows].mean(dim=1).quantile(torch.tensor([tail, 1 - tail]))\n"
                "return PowerLawInterval(law, ends[0].item(), ends[1].item())"
            )
        },
    ),
    *right_answers(
        "9.18",
        "fit_topk_sae",
        {
            "from zero, by AdamW": {
                "x.mean(dim=0)]": "x.new_zeros(x.shape[1])]",
                "torch.optim.Adam(": "torch.optim.AdamW(",
            },
            "with free rows": {
                "loss = (x - acts @ W_dec - b_dec).square().sum(dim=1).mean()": (
                    "loss = (x - acts @ (W_dec / W_dec.norm(dim=1, keepdim=True)) - b_dec)"
                    ".square().sum(dim=1).mean()"
                )
            },
        },
    ),
]
