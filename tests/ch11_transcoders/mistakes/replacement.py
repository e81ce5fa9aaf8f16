"""Mistakes with replacement models (11.13, 11.14)."""

from tests.grading.mistakes import mistakes, right_answers

FORWARD = mistakes(
    "11.13",
    "CrossLayerMLP.forward",
    {
        "Do later layers decode what hooks have not changed? Append what the hook point returns.": [
            {"self.acts.append(self.hook_transcoder_acts(acts))": "self.acts.append(acts)"},
            {
                "self.acts.append(self.hook_transcoder_acts(acts))": (
                    "self.hook_transcoder_acts(acts)\nself.acts.append(acts)"
                )
            },
        ],
        "Are activations missing? These are pre-activations.": {
            "self.clt.activate(self.clt.pre_activations(x, self.layer), self.layer)": (
                "self.clt.pre_activations(x, self.layer)"
            )
        },
        "Is only this layer's latents' output decoded?": (
            "acts = self.hook_transcoder_acts(\n"
            "    self.clt.activate(self.clt.pre_activations(x, self.layer), self.layer))\n"
            "self.acts.append(acts)\n"
            "return acts @ self.clt.W_dec[self.layer][0] + self.clt.b_dec[self.layer]"
        ),
        "Is the first layer encoded everywhere?": {
            "self.clt.activate(self.clt.pre_activations(x, self.layer), self.layer)": (
                "self.clt.activate(self.clt.pre_activations(x, 0), 0)"
            )
        },
        "Is x added? An MLP returns what is added to the residual stream.": {
            "return self.clt": "return x + self.clt"
        },
    },
)
AGREEMENT = mistakes(
    "11.14",
    "agreement",
    {
        "Is the divergence from the replacement? It is from the original.": {
            "kl_divergence(replaced.flatten(0, 1), original.flatten(0, 1))": (
                "kl_divergence(original.flatten(0, 1), replaced.flatten(0, 1))"
            )
        },
        "Is the share taken where the replacement is sure? It is where the model is.": {
            "original.softmax(dim=-1)": "replaced.softmax(dim=-1)"
        },
        "Are sure positions those where the largest logit exceeds 1/2?": {
            "original.softmax(dim=-1).amax(dim=-1)": "original.amax(dim=-1)"
        },
        "Is exactly 1/2 sure? Only more than 1/2 is.": {"> 0.5": ">= 0.5"},
        "Is `sure` the share of sure positions?": {
            "same[sure].double().mean()": "sure.double().mean()"
        },
        "Is only the last position compared?": (
            "same = replaced.argmax(dim=-1) == original.argmax(dim=-1)\n"
            "sure = original.softmax(dim=-1).amax(dim=-1) > 0.5\n"
            "kl = kl_divergence(replaced[:, -1], original[:, -1]).mean()\n"
            "return Agreement(same[:, -1].double().mean().item(), kl.item(), "
            "same[:, -1][sure[:, -1]].double().mean().item())"
        ),
        "Is the divergence summed? Take the mean over positions.": {
            "original.flatten(0, 1)).mean()": "original.flatten(0, 1)).sum()"
        },
    },
)
GROWTH = mistakes(
    "11.14",
    "error_by_layer",
    {
        "Is the mean not subtracted? Compare with the variance.": {
            "(x - x.mean(dim=0)).square()": "x.square()"
        },
        "Is one mean over all entries subtracted? Each dimension has its own.": {
            "x.mean(dim=0)": "x.mean()"
        },
        "Is the mean of the ratios taken? Sum first, then divide.": {
            "(x_hat - x).square().sum() / (x - x.mean(dim=0)).square().sum()": (
                "((x_hat - x).square().sum(dim=1) / (x - x.mean(dim=0)).square().sum(dim=1)).mean()"
            )
        },
        "Are lengths compared instead of squares?": {
            "(x_hat - x).square().sum() / (x - x.mean(dim=0)).square().sum()": (
                "(x_hat - x).norm() / (x - x.mean(dim=0)).norm()"
            )
        },
        "Is the variance that of the replacement?": {
            "(x - x.mean(dim=0)).square()": "(x_hat - x_hat.mean(dim=0)).square()"
        },
    },
)
RIGHT = [
    *right_answers(
        "11.13",
        "CrossLayerMLP.forward",
        {
            "in steps": (
                "pre_acts = self.clt.pre_activations(x, self.layer)\n"
                "acts = self.hook_transcoder_acts(self.clt.activate(pre_acts, self.layer))\n"
                "self.acts += [acts]\n"
                "return self.clt.decode_layer(self.acts, self.layer)"
            )
        },
    ),
    *right_answers(
        "11.14",
        "agreement",
        {
            "by hand": (
                "p = original.softmax(-1)\n"
                "kl = (p * (original.log_softmax(-1) - replaced.log_softmax(-1))).sum(-1).mean()\n"
                "same = (replaced.argmax(-1) == original.argmax(-1)).double()\n"
                "return Agreement(float(same.mean()), float(kl), "
                "float(same[p.amax(-1) > 0.5].mean()))"
            )
        },
    ),
    *right_answers(
        "11.14",
        "error_by_layer",
        {
            "variance": (
                "shares = []\n"
                "for name in names:\n"
                "    x, x_hat = (run[name].reshape(-1, run[name].shape[-1]).double()\n"
                "                for run in (original, replaced))\n"
                "    spread = x.var(dim=0, correction=0).sum()\n"
                "    shares.append((x - x_hat).pow(2).sum(1).mean() / spread)\n"
                "return torch.stack(shares)"
            )
        },
    ),
]
