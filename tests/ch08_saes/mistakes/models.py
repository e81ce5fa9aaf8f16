"""Mistakes with SAEs of models: the store (8.14, 8.15), the splice (8.17, 8.18), the whole method
(8.19) and the questions (8.20, 8.21)."""

from tests.grading.mistakes import mistakes, right_answers

MASK = mistakes(
    "8.14",
    "keep_mask",
    {
        "Are these the tokens that are left out? Return those that are kept.": {
            "return keep": "return ~keep"
        },
        "Are special tokens kept?": {
            "~torch.isin(tokens, special)": "torch.ones_like(tokens, dtype=torch.bool)"
        },
        "Is position 0 always left out? Only with skip_first.": {
            "if config.skip_first:\n    keep[:, 0] = False": "keep[:, 0] = False"
        },
        "Is position 0 kept?": {"if config.skip_first:\n    keep[:, 0] = False\n": ""},
        "Is the first text left out instead of the first position?": {
            "keep[:, 0] = False": "keep[0] = False"
        },
        "Is the median taken over all tokens? Take it over those that are left.": {
            "lengths[keep].median()": "lengths.median()"
        },
        "Is this the mean length? One massive row would raise it: take the median.": {
            "lengths[keep].median()": "lengths[keep].mean()"
        },
        "Are massive rows kept and all others left out?": {
            "lengths <= config": "lengths >= config"
        },
        "Are massive rows kept?": {
            "keep &= lengths <= config.massive_factor * lengths[keep].median()": "pass"
        },
        "Are squared lengths compared with a factor for lengths?": {
            "acts.norm(dim=-1)": "acts.square().sum(dim=-1)"
        },
    },
)
MOMENTS = mistakes(
    "8.15",
    "Moments.add",
    {
        "Are only the last rows kept? The sums go over all calls.": {
            "self.n_rows += len(x)": "self.n_rows = len(x)",
            "self.sum += x.sum(dim=0)": "self.sum = x.sum(dim=0)",
            "self.squares += ": "self.squares = ",
        },
        "Are the squares averaged per call? Calls have different numbers of rows.": {
            "x.square().sum().item()": "x.square().mean().item() * len(self.sum)"
        },
        "Are lengths added instead of squared lengths?": {
            "x.square().sum().item()": "x.norm(dim=1).sum().item()"
        },
        "Is the sum computed in the precision of x? Use float64.": {
            "x = x.double().cpu()\n": "",
            "self.sum += x.sum(dim=0)": "self.sum += x.sum(dim=0).double()",
        },
        "Are calls counted instead of rows?": {"self.n_rows += len(x)": "self.n_rows += 1"},
    },
)
SCALE = mistakes(
    "8.15",
    "Moments.scale",
    {
        "Is the root missing? The scale multiplies lengths, d_in is a squared length.": {
            "** 0.5": "** 1.0"
        },
        "Is the scale inverted?": {
            "(len(self.sum) * self.n_rows / self.squares) ** 0.5": (
                "(self.squares / (len(self.sum) * self.n_rows)) ** 0.5"
            )
        },
        "Are the squares not averaged? Divide their sum by the number of rows.": {
            "len(self.sum) * self.n_rows": "len(self.sum)"
        },
        "Does it give a mean squared length of 1? It is d_in.": {
            "len(self.sum) * self.n_rows": "self.n_rows"
        },
        "Is the mean subtracted from the squares? The scale is for x as it is.": {
            "self.squares) ** 0.5": (
                "(self.squares - self.sum.square().sum().item() / self.n_rows)) ** 0.5"
            )
        },
    },
)
MEAN = mistakes(
    "8.15",
    "Moments.mean",
    {"Is the sum not divided by the number of rows?": {"self.sum / self.n_rows": "self.sum"}},
)
COMBINE = mistakes(
    "8.17",
    "SplicedPoint.combine",
    {
        "Is the error added twice? x + recons - x_hat holds it already.": {
            "x + (recons - x_hat)": "x + (x - x_hat) + (recons - x_hat)"
        },
        "Is the error subtracted?": {"x + (recons - x_hat)": "recons - (x - x_hat)"},
        "Is the error that of the edited latents? Then every edit is cancelled.": [
            {"x_hat = self.sae.decode(acts)": "x_hat = recons"},
            "error = self.hook_sae_error(x - recons)\nreturn recons + error",
        ],
        "Is the error missing? This is the reconstruction alone.": {
            "return x + (recons - x_hat)": "return recons"
        },
        "Is the sign of the edit flipped?": {"(recons - x_hat)": "(x_hat - recons)"},
        "Does hook_sae_error not see the error?": {"self.hook_sae_error(x - x_hat)": "pass"},
        "Does hook_sae_error see x_hat - x?": {
            "self.hook_sae_error(x - x_hat)": "self.hook_sae_error(x_hat - x)"
        },
        "Does hook_sae_error see the error after the edit?": {
            "self.hook_sae_error(x - x_hat)": "self.hook_sae_error(x - recons)"
        },
    },
    unnamed={
        "to the last bit": [
            {"x + (recons - x_hat)": "(x - x_hat) + recons"},
            {
                "return x + (recons - x_hat)": (
                    "exact = torch.equal(recons, x_hat)\n"
                    "return x + (recons - x_hat) if exact else recons + (x - x_hat)"
                )
            },
        ]
    },
)
EFFECTS = mistakes(
    "8.18",
    "ablation_effects",
    {
        "Is the sign flipped? Setting a latent to zero subtracts what it writes.": {
            "return -sae": "return sae"
        },
        "Is the activation missing? The latent writes f_i times its row.": {
            "-sae.encode(x)[:, latents] * writes": "-writes"
        },
        "Is the gradient projected to the encoder? A latent writes its decoder row.": {
            "sae.W_dec[latents].T": "sae.W_enc[:, latents]"
        },
        "Are these the first latents? Take the given ones, in their order.": {
            "sae.encode(x)[:, latents]": "sae.encode(x)[:, : len(latents)]"
        },
        "Are pre-activations used? A latent that is negative writes nothing.": {
            "sae.encode(x)": "sae.pre_activations(x)"
        },
        "Is this a ReLU of the pre-activations? `sae.encode` is right for every SAE.": {
            "sae.encode(x)": "sae.pre_activations(x).relu()"
        },
        "Is x projected to the decoder? The product is with the gradient.": {"gradient @": "x @"},
        "Is this the mean over tokens? Each token has its own effect.": {
            "return -sae.encode(x)[:, latents] * writes": (
                "each = -sae.encode(x)[:, latents] * writes\n"
                "return each.mean(dim=0).expand_as(each)"
            )
        },
    },
)
LEARN = mistakes(
    "8.19",
    "learn_dictionary",
    unnamed={
        "Decoder rows must have length 1": {"W_dec /= W_dec.norm(dim=1, keepdim=True)": "pass"},
        "is the penalty there?": {
            "+ l1_coefficient * acts.sum(1)": "",
        },
        "averaged over d_in": {"error.square().sum(1)": "error.square().mean(1)"},
        "averaged over latents": {"acts.sum(1)": "acts.mean(1)"},
        "far from the mean of x": {"x.detach().mean(dim=0).clone()": "torch.zeros_like(x[0])"},
        "variance unexplained must be": [
            {
                "(batch - b_dec) @ W_enc": "batch @ W_enc",
                "for _ in range(steps)": "for _ in range(steps // 50)",
            },
            {"torch.randint(len(x), (256,), generator=generator)": "torch.arange(256) % len(x)"},
        ],
        "global random state": {
            "torch.randint(len(x), (256,), generator=generator)": "torch.randint(len(x), (256,))"
        },
        "does not follow the gradient": {"+ b_enc).relu()": "+ 0 * b_enc).relu()"},
        "is .003 long": [{"lr=3e-3": "lr=1e-2"}, {"lr=3e-3": "lr=3e-6"}],
        "must give another dictionary": {".manual_seed(seed)": ".manual_seed(0)"},
        "without gradients": {"(weight.detach() for weight in weights)": "weights"},
    },
)
DRIVERS = mistakes(
    "8.20",
    "8.20",
    unnamed={
        "expected a list of different latents": 'drivers = ["a"]\nbystanders = [2, 4, 18]',
        "fires on inputs without concept 0 too": "drivers = [10, 23]\nbystanders = [2, 4, 18]",
        "still carry it": "drivers = [9]\nbystanders = [2, 4, 18]",
        "removing it never changes answer 0": "drivers = [9, 11, 21, 2]\nbystanders = [4, 18]",
        "some answer changes by": "drivers = [9, 11, 21]\nbystanders = [9, 2, 4, 18]",
        "some latent is missing": "drivers = [9, 11, 21]\nbystanders = [2, 4]",
        "bystanders: latent 0 fires": "drivers = [9, 11, 21]\nbystanders = [0, 2, 4, 18]",
        "fires on inputs": "drivers = [7, 11]\nbystanders = [16, 22]",  # of another learner
    },
)
CARRIERS = mistakes(
    "8.21",
    "8.21",
    unnamed={
        "expected a latent from 0": "carries_alone = 24\ncarries_with_child = 11",
        "without latent 11 answer 1 falls by": "carries_alone = 11\ncarries_with_child = 9",
        "without latent 14 answer 1 falls by": "carries_alone = 9\ncarries_with_child = 14",
        "carries_alone: without latent": "carries_alone = 5\ncarries_with_child = 11",
        "carries_with_child: without latent": "carries_alone = 9\ncarries_with_child = 18",
    },
)
RIGHT = [
    *right_answers(
        "8.14",
        "keep_mask",
        {
            "one condition after the other": """
            keep = torch.ones_like(tokens, dtype=torch.bool)
            for token in config.special_tokens:
                keep = keep & (tokens != token)
            if config.skip_first:
                keep = keep & (torch.arange(tokens.shape[1]) > 0)
            if config.massive_factor is None or not keep.any():
                return keep
            lengths = acts.double().square().sum(-1).sqrt()
            ordered = lengths[keep].sort().values
            return keep & (lengths <= config.massive_factor * ordered[(len(ordered) - 1) // 2])
            """
        },
    ),
    *right_answers(
        "8.15",
        "Moments.add",
        {
            "other sums": {
                "Moments.add": """
                self.n_rows = self.n_rows + x.shape[0]
                self.sum = self.sum + x.double().sum(0)
                self.squares = self.squares + float((x.double() * x.double()).sum())
                """,
                "Moments.mean": "return self.sum.div(self.n_rows)",
                "Moments.scale": (
                    "return float(len(self.sum)) ** 0.5 / (self.squares / self.n_rows) ** 0.5"
                ),
            }
        },
    ),
    *right_answers(
        "8.17",
        "SplicedPoint.combine",
        {
            "the change decoded": """
            explained = self.sae.decode(acts)
            error = self.hook_sae_error(x - explained)
            return x + (recons - explained)
            """
        },
    ),
    *right_answers(
        "8.18",
        "ablation_effects",
        {
            "einsum": (
                "acts = sae.encode(x)[:, latents]\n"
                "return -torch.einsum('bi,bl,li->bl', gradient, acts, sae.W_dec[latents])"
            )
        },
    ),
    *right_answers(
        "8.19",
        "learn_dictionary",
        {
            "modules and backward": """
            generator = torch.Generator().manual_seed(seed)
            W_dec = torch.randn(d_sae, x.shape[1], generator=generator)
            W_dec = torch.nn.functional.normalize(W_dec, dim=1)
            W_enc = W_dec.T.contiguous()
            b_enc, b_dec = torch.zeros(d_sae), x.mean(0)
            weights = [torch.nn.Parameter(w.clone()) for w in (W_enc, b_enc, W_dec, b_dec)]
            optimizer = torch.optim.Adam(weights, lr=0.003)
            for step in range(steps):
                rows = x[torch.randint(x.shape[0], (256,), generator=generator)]
                acts = torch.relu((rows - weights[3]) @ weights[0] + weights[1])
                x_hat = acts @ weights[2] + weights[3]
                loss = (rows - x_hat).pow(2).sum(-1).mean() + l1_coefficient * acts.sum(-1).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                weights[2].data = torch.nn.functional.normalize(weights[2].data, dim=1)
            return Dictionary(*[weight.detach() for weight in weights])
            """
        },
    ),
    *right_answers(
        "8.20",
        "8.20",
        {"in another order": "drivers = [21, 9, 11]\nbystanders = [18, 2, 4]"},
    ),
    *right_answers(
        "8.21",
        "8.21",
        {"in another order": "carries_with_child = 11\ncarries_alone = 9"},
    ),
]
