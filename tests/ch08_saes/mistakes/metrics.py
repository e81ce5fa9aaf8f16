"""Mistakes in the metrics (8.6 to 8.9, 8.16), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

L0 = mistakes(
    "8.6",
    "l0",
    {
        "This is the fraction of active latents. Count them.": (
            "return (acts != 0).to(acts.dtype).mean()"
        ),
        "This is the L1 norm. Count the latents that are active.": (
            "return acts.sum(dim=-1).mean()"
        ),
        "This is the number of active tokens per latent. Sum over latents.": (
            "return (acts != 0).to(acts.dtype).sum(dim=0).mean()"
        ),
        "This is the sum over the batch. Average over tokens.": (
            "return (acts != 0).to(acts.dtype).sum()"
        ),
        "Are negative activations left out? Active means not zero.": (
            "return (acts > 0).to(acts.dtype).sum(dim=-1).mean()"
        ),
        "Are all latents counted? Zero is not active.": (
            "return (acts >= 0).to(acts.dtype).sum(dim=-1).mean()"
        ),
        "Are weak activations left out? Every one that is not zero counts.": (
            "return (acts > 0.01).to(acts.dtype).sum(dim=-1).mean()"
        ),
    },
)
DENSITY = mistakes(
    "8.6",
    "firing_density",
    {
        "Is this one number per token? Average over tokens.": (
            "return (acts != 0).to(acts.dtype).mean(dim=-1)"
        ),
        "This is the mean activation. Only whether it is zero counts.": "return acts.mean(dim=0)",
        "This is a count. Divide by the number of tokens.": (
            "return (acts != 0).to(acts.dtype).sum(dim=0)"
        ),
        "Is it divided by the number of latents?": (
            "return (acts != 0).to(acts.dtype).sum(dim=0) / acts.shape[1]"
        ),
        "Are negative activations left out? Active means not zero.": (
            "return (acts > 0).to(acts.dtype).mean(dim=0)"
        ),
    },
)
SUM, BELOW = "(x - x_hat).square().sum()", "(x - x.mean(dim=0)).square().sum()"
FVU = mistakes(
    "8.7",
    "fraction_unexplained",
    {
        "This is the explained variance. FVU is 1 minus that.": f"return 1 - {SUM} / {BELOW}",
        "Is the mean subtracted per token? It is the mean over tokens, one per dimension.": (
            f"return {SUM} / (x - x.mean(dim=-1, keepdim=True)).square().sum()"
        ),
        "Is the mean of all numbers subtracted? It is one mean per dimension.": (
            f"return {SUM} / (x - x.mean()).square().sum()"
        ),
        "Is the mean not subtracted from x?": f"return {SUM} / x.square().sum()",
        "This is the mean of each token's ratio. Sum first, then divide.": (
            "below = (x - x.mean(dim=0)).square().sum(-1)\n"
            "return ((x - x_hat).square().sum(-1) / below).mean()"
        ),
        "This is the mean of each dimension's ratio. Sum first, then divide.": (
            "below = (x - x.mean(dim=0)).square().sum(0)\n"
            "return ((x - x_hat).square().sum(0) / below).mean()"
        ),
        "Are lengths divided? FVU is a ratio of squares.": f"return ({SUM} / {BELOW}).sqrt()",
        "Is the variance divided by n - 1? The error is a plain mean.": (
            "return (x - x_hat).square().mean(0).sum() / x.var(dim=0).sum()"
        ),
        "Is the mean subtracted from the error? A constant offset is an error here.": (
            f"e = x - x_hat\nreturn (e - e.mean(dim=0)).square().sum() / {BELOW}"
        ),
        "Is the reconstruction's variance in the denominator?": (
            f"return {SUM} / (x_hat - x_hat.mean(dim=0)).square().sum()"
        ),
    },
)
CENTERED = mistakes(
    "8.7",
    "centered_explained_variance",
    {
        "Is the mean of the error not subtracted?": f"return 1 - {SUM} / {BELOW}",
        "This is the fraction that is not explained. Subtract it from 1.": (
            f"e = x - x_hat\nreturn (e - e.mean(dim=0)).square().sum() / {BELOW}"
        ),
        "Is the error's mean taken per token?": (
            f"e = x - x_hat\nreturn 1 - (e - e.mean(dim=-1, keepdim=True)).square().sum() / {BELOW}"
        ),
        "This is the ratio of the variances of x_hat and x. It ignores the error.": (
            f"return (x_hat - x_hat.mean(dim=0)).square().sum() / {BELOW}"
        ),
    },
)
GAMMA = mistakes(
    "8.8",
    "shrinkage",
    {
        "Is the ratio inverted?": "return (x_hat * x).sum() / x_hat.square().sum()",
        "This is the ratio of squared lengths. The denominator is the product with x.": (
            "return x_hat.square().sum() / x.square().sum()"
        ),
        "This is the mean of each token's ratio. Average first, then divide.": (
            "return (x_hat.square().sum(-1) / (x_hat * x).sum(-1)).mean()"
        ),
        "This is a ratio of lengths. Divide the squares by the products with x.": "return (x_hat.norm(dim=-1) / x.norm(dim=-1)).mean()",
        "Is x squared in the denominator, and x_hat . x above it?": (
            "return (x_hat * x).sum() / x.square().sum()"
        ),
        "Are means subtracted first?": (
            "x, x_hat = x - x.mean(0), x_hat - x_hat.mean(0)\n"
            "return x_hat.square().sum() / (x_hat * x).sum()"
        ),
    },
)
MMCS = mistakes(
    "8.9",
    "mean_max_cosine",
    {
        "Is the maximum over features? Each feature looks for its best latent.": (
            "return cosines(features, W_dec).max(dim=0).values.mean()"
        ),
        "Are absolute cosines used? The opposite direction is another feature.": (
            "return cosines(features, W_dec).abs().max(dim=1).values.mean()"
        ),
        "Are these products instead of cosines? Rows may have any length.": (
            "return (features @ W_dec.T).max(dim=1).values.mean()"
        ),
        "This is the mean of all cosines. Take the maximum first.": (
            "return cosines(features, W_dec).mean()"
        ),
        "This is the largest cosine of all. Average over features.": (
            "return cosines(features, W_dec).max()"
        ),
    },
)
SOLVE = "linear_sum_assignment(similar.double().cpu().numpy(), maximize=True)"
FOUND = "found / len(features), found / len(W_dec)"
MATCHING = mistakes(
    "8.9",
    "recover_features",
    {
        "Is the sum of cosines smallest? linear_sum_assignment minimizes unless maximize=True.": {
            "maximize=True": "maximize=False"
        },
        "Is each feature given its best latent? No latent serves two features.": {
            "rows, columns = " + SOLVE: "rows = np.arange(len(features))\n"
            "columns = similar.argmax(dim=1).numpy()"
        },
        "Are recall and precision exchanged? Recall divides by the number of features.": {
            FOUND: "found / len(W_dec), found / len(features)"
        },
        "Are absolute cosines matched? The opposite direction is another feature.": {
            "similar.double()": "similar.double().abs()"
        },
        "Does every latent with a high cosine count? Only those that are matched do.": {
            FOUND: "found / len(features), "
            "int((similar.max(dim=0).values > threshold).sum()) / len(W_dec)"
        },
        "Does every feature with a high cosine count? Only those that are matched do.": {
            FOUND: "int((similar.max(dim=1).values > threshold).sum()) / len(features), "
            "found / len(W_dec)"
        },
        "Is the threshold .9 whatever the argument is?": {"cosine > threshold": "cosine > 0.9"},
        "Is precision divided by the number of pairs? It counts all latents.": {
            FOUND: "found / len(features), found / len(rows)"
        },
    },
)
RECOVERED = mistakes(
    "8.16",
    "loss_recovered",
    {
        "Is it upside down? 1 is as good as the model, 0 as bad as the ablation.": (
            "return (spliced - clean) / (ablated - clean)"
        ),
        "Is the ratio inverted?": (
            "return (ablated - clean) / (ablated - spliced) if ablated != spliced else 0.0"
        ),
        "Is the clean loss missing in the denominator?": "return (ablated - spliced) / ablated",
        "This is the ratio of two losses. Subtract the ablated loss from both.": (
            "return clean / spliced"
        ),
        "Is the share cut to 0..1? Worse than the ablation is possible.": (
            "return min(1.0, max(0.0, (ablated - spliced) / (ablated - clean)))"
        ),
        "This is a difference, not a share.": "return ablated - spliced",
    },
)
RIGHT = [
    *right_answers(
        "8.6",
        "l0",
        {
            "counts": {
                "l0": "return torch.count_nonzero(acts).to(acts.dtype) / len(acts)",
                "firing_density": "return acts.ne(0).double().mean(dim=0).to(acts.dtype)",
            }
        },
    ),
    *right_answers(
        "8.7",
        "fraction_unexplained",
        {
            "variances": {
                "fraction_unexplained": (
                    "error = (x - x_hat).pow(2).mean(dim=0).sum()\n"
                    "return error / x.var(dim=0, correction=0).sum()"
                ),
                "centered_explained_variance": (
                    "left = (x - x_hat).var(dim=0, correction=0).sum()\n"
                    "return 1 - left / x.var(dim=0, correction=0).sum()"
                ),
            }
        },
    ),
    *right_answers(
        "8.8",
        "shrinkage",
        {
            "means": "return x_hat.pow(2).sum(-1).mean() / (x * x_hat).sum(-1).mean()",
        },
    ),
    *right_answers(
        "8.9",
        "recover_features",
        {
            "costs": {
                "mean_max_cosine": "return cosines(W_dec, features).amax(dim=0).mean()",
                "recover_features": """
                cost = 1 - similar.double().numpy().T
                latents, known = linear_sum_assignment(cost)
                latent = torch.full((len(features),), -1)
                latent[known] = torch.as_tensor(latents)
                here = torch.arange(len(features))
                cosine = torch.where(latent >= 0, similar[here, latent], -1.0)
                found = sum(value > threshold for value in cosine.tolist())
                return Recovery(latent, cosine, found / len(features), found / len(W_dec))
                """,
            }
        },
    ),
    *right_answers(
        "8.16",
        "loss_recovered",
        {"one minus": "return 1 - (spliced - clean) / (ablated - clean)"},
    ),
]
