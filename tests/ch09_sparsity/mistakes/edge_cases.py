"""Mistakes of chapter 9 that ordinary batches do not show."""

from tests.grading.mistakes import mistakes, right_answers

KEEP = mistakes(
    "9.1",
    "keep_largest",
    {
        "Are all entries kept that equal the k-th largest? Of equal ones exactly k are kept.": (
            "least = pre_acts.topk(k, dim=-1).values[..., -1:]\n"
            "return pre_acts.relu() * (pre_acts >= least)"
        )
    },
)
AUXILIARY = mistakes(
    "9.2",
    "auxiliary_loss",
    {
        "Are the largest of the whole batch kept? Each token has its own.": (
            "k = min(aux_k, n_dead)\n"
            "flat = dead_pre_acts.relu().flatten()\n"
            "values, indices = flat.topk(k * len(dead_pre_acts))\n"
            "acts = torch.zeros_like(flat).scatter(0, indices, values).view(dead_pre_acts.shape)\n"
            "scale = min(n_dead / aux_k, 1.0)\n"
            "return scale * squared_error(residual.detach(), acts @ W_dead)"
        )
    },
)
MULTI = mistakes(
    "9.3",
    "MultiTopKSAE.loss_parts",
    {
        "Is AuxK's loss left out? Replace the reconstruction loss alone.": {
            "parts._replace(reconstruction=parts.reconstruction + wide / 8)": (
                "LossParts(parts.reconstruction + wide / 8, x.new_zeros(()), x.new_zeros(()))"
            )
        }
    },
)
SORTED = "z = pre_acts.relu()\nleast = z.flatten().topk(k * pre_acts[..., 0].numel()).values[-1]\n"
BATCH = mistakes(
    "9.6",
    "keep_largest_in_batch",
    {
        "Are all entries kept that equal the smallest one kept? Only k per token are.": (
            SORTED + "return z * (z >= least)"
        ),
        "Is the number of active latents of one token limited? The batch shares them freely.": (
            "top = pre_acts.topk(min(8 * k, pre_acts.shape[-1]), dim=-1)\n"
            "z = torch.zeros_like(pre_acts).scatter(-1, top.indices, top.values.relu()).flatten()\n"
            "values, indices = z.topk(k * pre_acts[..., 0].numel())\n"
            "return torch.zeros_like(z).scatter(0, indices, values).reshape(pre_acts.shape)"
        ),
    },
    unnamed={
        "The gradient of acts is wrong": {"indices, values)": "indices, values.detach())"},
    },
)
USE = [
    *mistakes(
        "9.7",
        "BatchTopKSAE.activate",
        {
            "Is an entry at the threshold active? It must be above.": {
                "pre_acts > self.threshold": "pre_acts >= self.threshold"
            }
        },
    ),
    *mistakes(
        "9.7",
        "fit_threshold",
        {
            "Does the SAE stay in training mode where fit_threshold raises?": {
                "sae.train(was_training)\n": "",
                "sae.threshold.copy_": "sae.train(was_training)\nsae.threshold.copy_",
            },
            "Does the SAE leave training mode where fit_threshold raises?": {
                "sae.train(was_training)": "sae.train(was_training and bool(smallest))"
            },
            "Is the mean weighted by the sizes of batches? Every batch counts once.": {
                "smallest.append(acts[acts > 0].min())": (
                    "smallest += [acts[acts > 0].min()] * len(x)"
                )
            },
            "Is the threshold overwritten before fit_threshold raises?": {
                "if not smallest:": "if not smallest:\n    sae.threshold.fill_(0)"
            },
        },
    ),
]
COUNT = mistakes(
    "9.13",
    "JumpReLUSAE.count",
    {
        "Is the step that of acts? The window is around pre-activations.": {
            "Step.apply(made.pre_acts,": "Step.apply(made.acts,"
        },
        "Is the tanh that of relu(pre_acts)? Below the threshold a latent is silent.": {
            "4 * made.acts": "4 * made.pre_acts.relu()"
        },
    },
)
DETECTOR = mistakes(
    "9.15",
    "best_detector",
    {
        "Is this the geometric mean of recall and precision? F1 is their harmonic mean.": {
            "2 * recall * precision / (recall + precision).clamp(min=1e-12)": "recall * precision"
        },
        "Are weak activations left out? Every one above zero counts.": {"acts > 0": "acts > 0.1"},
        "They agree to five digits: is a precision lower, or a small number added?": {
            "(active & present[:, None]).sum(dim=0).double()": (
                "(active & present[:, None]).sum(dim=0)"
            )
        },
    },
)
ABSORBED = mistakes(
    "9.15",
    "absorbed_fraction",
    {
        "Do tokens with a child count against the parent's latent? Leave them out.": {
            "acts[keep], alone[keep]": "acts, alone"
        },
        "Is the parent's latent chosen on the parent's tokens alone? Then nothing is imprecise.": {
            "acts[keep], alone[keep]": "acts[alone], alone[alone]"
        },
        "Does a weak activation count as silent? Silent is zero.": {
            "acts[:, latent] <= 0": "acts[:, latent] <= 0.1"
        },
        "Are tokens of the child without its parent left out? All of the child's tokens count.": {
            "silent = ": "children = children & parent[:, None]\nsilent = "
        },
        "Are tokens counted in the precision of acts? float16 ends at 65,504.": {
            "(children & silent[:, None]).sum(dim=0).double() / children.sum(dim=0)": (
                "(children & silent[:, None]).sum(dim=0).to(acts) / children.sum(dim=0)"
            )
        },
    },
)
LAW = mistakes(
    "9.16",
    "fit_power_law",
    {
        "Is R squared another number than 1 for equal errors? A horizontal line explains them.": [
            {" if total > rounding else 1.0": ""},
            {"else 1.0": "else 0.0"},
        ],
        "Is the variance of equal errors compared with 0? Their mean is rounded.": {
            "total > rounding": "total > 0"
        },
        "Are nearly equal errors taken as equal? Rounding is as small as 1e-15 of them.": {
            "total > rounding": "total > 1e-8"
        },
    },
)
BOOTSTRAP = mistakes(
    "9.17",
    "bootstrap_power_law",
    {
        "Is the number of draws fixed?": {"range(draws)": "range(1000)"},
        "Is one seed too few drawn? A resample has as many as the data.": {
            "torch.randint(n_seeds, (n_seeds,), generator=generator)": (
                "torch.randint(n_seeds, (n_seeds - 1,), generator=generator)"
            ),
            "fit_power_law(sizes.repeat(n_seeds), errors[rows].flatten())": (
                "fit_power_law(sizes.repeat(n_seeds - 1), errors[rows].flatten())"
            ),
        },
        "Is the interval mirrored about the estimate? Take the quantiles as they are.": {
            "ends[0].item(), ends[1].item()": (
                "2 * law.exponent - ends[1].item(), 2 * law.exponent - ends[0].item()"
            )
        },
    },
)
SCRATCH = mistakes(
    "9.18",
    "fit_topk_sae",
    unnamed={
        "a negative entry": {"values.relu()": "values"},
        "Unit rows are missing": {
            "with torch.no_grad():\n        W_dec /= W_dec.norm(dim=1, keepdim=True)": "pass",
            "return Dictionary": (
                "weights[2].data /= weights[2].data.norm(dim=1, keepdim=True)\nreturn Dictionary"
            ),
        },
        "one step per batch": [
            {"lr=lr": "lr=3e-3"},
            {"for x in batches:": "every = list(batches)\nfor x in every + every:"},
        ],
    },
)
RIGHT = right_answers(
    "9.7",
    "fit_threshold",
    {
        "with a message of its own": {
            "expected batches with active latents, got none": "no batch is usable"
        }
    },
)
