"""Mistakes in TopK (9.1-9.3) and BatchTopK (9.6, 9.7), and right answers."""

from tests.grading.mistakes import mistakes, right_answers

TOP = "values, indices = pre_acts.topk(k, dim=-1)\n"
SCATTER = "return torch.zeros_like(pre_acts).scatter(-1, indices, values.relu())"
KEEP = mistakes(
    "9.1",
    "keep_largest",
    {
        "Is ReLU missing? A negative entry is not active, even if it is among the largest.": (
            TOP + "return torch.zeros_like(pre_acts).scatter(-1, indices, values)"
        ),
        "Are the largest absolute values kept? Negative entries are never active.": (
            "indices = pre_acts.abs().topk(k, dim=-1).indices\n"
            "values = pre_acts.gather(-1, indices)\n" + SCATTER
        ),
        "Are the k largest taken over the batch axis? Each token has its own.": (
            "values, indices = pre_acts.topk(min(k, len(pre_acts)), dim=0)\n"
            "return torch.zeros_like(pre_acts).scatter(0, indices, values.relu())"
        ),
        "Are the k smallest kept?": (
            "values, indices = pre_acts.topk(k, dim=-1, largest=False)\n" + SCATTER
        ),
        "Are activations set to 1? They keep their size.": (
            TOP + "return torch.zeros_like(pre_acts).scatter(-1, indices, (values > 0).to(values))"
        ),
        "Is the threshold that of the whole batch? Each token has its own.": (
            "n = k * pre_acts[..., 0].numel()\n"
            "threshold = pre_acts.flatten().topk(n).values[-1]\n"
            "return torch.where(pre_acts >= threshold, pre_acts, 0).relu()"
        ),
        "Is the k-th largest itself left out? Exactly k are kept.": (
            TOP + "return torch.where(pre_acts > values[..., -1:], pre_acts, 0).relu()"
        ),
        "Is the threshold subtracted? Activations keep their size.": (
            TOP + "return torch.where(pre_acts >= values[..., -1:],"
            " pre_acts - values[..., -1:].relu(), 0).relu()"
        ),
    },
    unnamed={
        "The gradient of acts is wrong": TOP
        + "return torch.zeros_like(pre_acts).scatter(-1, indices, values.detach().relu())"
    },
)
HEAD = "acts = keep_largest(dead_pre_acts, min(aux_k, n_dead))\n"
SCALE = "scale = min(n_dead / aux_k, 1.0)\n"
AUXILIARY = mistakes(
    "9.2",
    "auxiliary_loss",
    {
        "Is the scale n_dead / aux_k missing?": (
            HEAD + "return squared_error(residual.detach(), acts @ W_dead)"
        ),
        "Is the scale not limited to 1? With many dead latents the loss is not scaled up.": (
            HEAD + "return n_dead / aux_k * squared_error(residual.detach(), acts @ W_dead)"
        ),
        "Are all dead latents active? Only the aux_k largest explain the residual.": (
            "acts = dead_pre_acts.relu()\n"
            + SCALE
            + "return scale * squared_error(residual.detach(), acts @ W_dead)"
        ),
        "Is the residual added to its explanation? Their difference is the error.": (
            HEAD + SCALE + "return scale * squared_error(-residual.detach(), acts @ W_dead)"
        ),
        "Is this a mean over d_in? Squared errors are summed over d_in.": (
            HEAD + SCALE + "return scale * (residual.detach() - acts @ W_dead).square().mean()"
        ),
        "Is ReLU missing? A negative pre-activation explains nothing.": (
            "values, indices = dead_pre_acts.topk(min(aux_k, n_dead), dim=-1)\n"
            "acts = torch.zeros_like(dead_pre_acts).scatter(-1, indices, values)\n"
            + SCALE
            + "return scale * squared_error(residual.detach(), acts @ W_dead)"
        ),
        "Is the loss divided by the size of the residual? It has the unit of the error.": (
            HEAD + SCALE + "e = residual.detach()\n"
            "return scale * squared_error(e, acts @ W_dead) / e.square().sum(-1).mean()"
        ),
    },
    unnamed={
        "The residual gets a gradient": (
            HEAD + SCALE + "return scale * squared_error(residual, acts @ W_dead)"
        ),
        "is something detached": (
            HEAD + SCALE + "return scale * squared_error(residual.detach(), acts.detach() @ W_dead)"
        ),
    },
)
MULTI = mistakes(
    "9.3",
    "MultiTopKSAE.loss_parts",
    {
        "Is the factor 1/8 missing?": {"wide / 8": "wide"},
        "Is the second error that of 2 k latents? It is that of 4 k.": {"4 * self.k": "2 * self.k"},
        "Is the second error that of k latents again?": {"4 * self.k": "self.k"},
        "Is the first error replaced? Both are added.": {
            "parts.reconstruction + wide / 8": "wide / 8"
        },
        "Is L(4 k) put into another part? It belongs to the reconstruction.": {
            "reconstruction=parts.reconstruction + wide / 8": "auxiliary=parts.auxiliary + wide / 8"
        },
        "Is b_dec missing in the second reconstruction? Use decode.": {
            "self.decode(more)": "more @ self.W_dec"
        },
        "Is the average of both errors taken?": {
            "parts.reconstruction + wide / 8": "(parts.reconstruction + wide) / 2"
        },
        "Are 4 k latents kept where the SAE has fewer? Keep the smaller of 4 k and d_sae.": {
            "min(4 * self.k, self.d_sae)": "4 * self.k"
        },
    },
    unnamed={
        "is something detached": {"self.decode(more)": "self.decode(more.detach())"},
    },
)
BATCH = mistakes(
    "9.6",
    "keep_largest_in_batch",
    {
        "Are the k largest taken per token? The batch shares k * batch of them.": (
            "values, indices = pre_acts.topk(k, dim=-1)\n"
            "return torch.zeros_like(pre_acts).scatter(-1, indices, values.relu())"
        ),
        "Are only k entries kept in the whole batch? It is k per token on average.": {
            "n = k * pre_acts[..., 0].numel()": "n = k"
        },
        "Is ReLU missing?": {"pre_acts.relu().flatten()": "pre_acts.flatten()"},
        "Are the largest absolute values kept?": {
            "pre_acts.relu().flatten()": "pre_acts.abs().flatten()"
        },
        "Is k multiplied by d_sae? It is multiplied by the number of tokens.": {
            "n = k * pre_acts[..., 0].numel()": "n = min(k * pre_acts.shape[-1], pre_acts.numel())"
        },
        "Is one entry too few kept?": {
            "n = k * pre_acts[..., 0].numel()": "n = k * pre_acts[..., 0].numel() - 1"
        },
        "Are only rows of the first axis counted as tokens? All axes but the last hold tokens.": {
            "k * pre_acts[..., 0].numel()": "k * len(pre_acts)"
        },
    },
)
USE = mistakes(
    "9.7",
    "BatchTopKSAE.activate",
    {
        "Is the threshold subtracted? An active latent keeps its pre-activation.": (
            "return (pre_acts - self.threshold).relu()"
        ),
        "Are activations 1? A JumpReLU keeps the pre-activation.": (
            "return (pre_acts > self.threshold).to(pre_acts)"
        ),
        "Is the threshold forgotten? That is a plain ReLU.": "return pre_acts.relu()",
        "Are the largest of the batch kept in use too?": (
            "return keep_largest_in_batch(pre_acts, self.k)"
        ),
        "Are large entries removed, and small ones kept?": (
            "return torch.where(pre_acts > self.threshold, 0.0, pre_acts).relu()"
        ),
    },
)
FIT = mistakes(
    "9.7",
    "fit_threshold",
    {
        "Is this the smallest of all batches? Average over batches.": {
            "torch.stack(smallest).mean()": "torch.stack(smallest).min()"
        },
        "Is this the largest activation? The smallest one that was kept is the threshold.": {
            "acts[acts > 0].min()": "acts.max()"
        },
        "Is this the mean activation? The smallest one that was kept is the threshold.": {
            "acts[acts > 0].min()": "acts[acts > 0].mean()"
        },
        "Is the last batch alone used? Average over batches.": {
            "torch.stack(smallest).mean()": "smallest[-1]"
        },
        "Is this the median over batches? It is the mean.": {
            "torch.stack(smallest).mean()": "torch.stack(smallest).median()"
        },
        "Is it the smallest activation of each token, averaged? One per batch is wanted.": {
            "smallest.append(acts[acts > 0].min())": (
                "smallest += [row[row > 0].min() for row in acts if (row > 0).any()]"
            )
        },
    },
    unnamed={
        "must restore train()": {
            "sae.train(was_training)": "sae.eval() if was_training else sae.train()"
        },
        "is not stored": {
            "sae.threshold.copy_(torch.stack(smallest).mean())": "mean = torch.stack(smallest).mean()",
            "return sae.threshold.item()": "return mean.item()",
        },
    },
)
RIGHT = [
    *right_answers(
        "9.1",
        "keep_largest",
        {
            "by rank": (
                "rank = pre_acts.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)\n"
                "return pre_acts.relu() * (rank < k)"
            )
        },
    ),
    *right_answers(
        "9.2",
        "auxiliary_loss",
        {
            "with no_grad": (
                "with torch.no_grad():\n    target = residual.clone()\n"
                "error = target - keep_largest(dead_pre_acts, min(aux_k, n_dead)) @ W_dead\n"
                "return error.pow(2).sum(1).mean() * min(1.0, n_dead / aux_k)"
            )
        },
    ),
    *right_answers(
        "9.3",
        "MultiTopKSAE.loss_parts",
        {
            "by hand": (
                "k = 4 * self.k if 4 * self.k < self.d_sae else self.d_sae\n"
                "x_hat = keep_largest(made.pre_acts, k) @ self.W_dec + self.b_dec\n"
                "total = parts[0] + (x - x_hat).pow(2).sum(-1).mean() / 8\n"
                "return LossParts(total, parts[1], parts[2])"
            )
        },
    ),
    *right_answers(
        "9.6",
        "keep_largest_in_batch",
        {
            "by sorting": (
                "flat = pre_acts.flatten()\n"
                "order = flat.argsort(descending=True, stable=True)\n"
                "kept = order[: k * (flat.numel() // pre_acts.shape[-1])]\n"
                "mask = torch.zeros_like(flat, dtype=torch.bool)\n"
                "mask[kept] = True\n"
                "return (flat.relu() * mask).view(pre_acts.shape)"
            )
        },
    ),
    *right_answers(
        "9.7",
        "BatchTopKSAE.activate",
        {"by multiplication": "return pre_acts * (pre_acts > self.threshold)"},
    ),
]
