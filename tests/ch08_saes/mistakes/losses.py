"""Mistakes in losses (8.2, 8.4), constraints (8.3) and folding (8.4, 8.5), and right answers."""

from tests.grading.mistakes import mistakes, right_answers

ERROR = "error = squared_error(x, made.x_hat)\n"
L1 = "l1 = self.l1_coefficient * made.acts.sum(-1).mean()\n"
RETURN = "return LossParts(error, l1, auxiliary)"

VANILLA = mistakes(
    "8.2",
    "VanillaSAE.loss_parts",
    {
        "Is the error a mean over d_in? Sum over d_in, and average over the batch only.": (
            "error = (x - made.x_hat).square().mean()\n" + L1 + RETURN
        ),
        "Is the penalty a mean over latents? Sum over latents, and average over the batch only.": (
            ERROR + "l1 = self.l1_coefficient * made.acts.mean()\n" + RETURN
        ),
        "Is lambda missing in the penalty?": ERROR + "l1 = made.acts.sum(-1).mean()\n" + RETURN,
        "Are the pre-activations penalized? The penalty is on acts.": (
            ERROR + "l1 = self.l1_coefficient * made.pre_acts.abs().sum(-1).mean()\n" + RETURN
        ),
        "Is the error a length instead of its square?": (
            "error = (x - made.x_hat).norm(dim=-1).mean()\n" + L1 + RETURN
        ),
        "Are the loss parts sums over the batch? They are means.": (
            "error = (x - made.x_hat).square().sum()\n"
            "l1 = self.l1_coefficient * made.acts.sum()\n" + RETURN
        ),
        "This penalty is the number of active latents, which has no gradient.": (
            ERROR + "l1 = self.l1_coefficient * (made.acts > 0).to(x).sum(-1).mean()\n" + RETURN
        ),
        "Are reconstruction and sparsity exchanged?": (
            ERROR + L1 + "return LossParts(l1, error, auxiliary)"
        ),
        "Is the penalty in the reconstruction loss too? The parts are added later.": (
            ERROR + L1 + "return LossParts(error + l1, l1, auxiliary)"
        ),
        "Are acts squared? The penalty is L1.": (
            ERROR + "l1 = self.l1_coefficient * made.acts.square().sum(-1).mean()\n" + RETURN
        ),
    },
    unnamed={
        "is something detached": ERROR
        + "l1 = self.l1_coefficient * made.acts.detach().sum(-1).mean()\n"
        + RETURN
    },
)
NORMS = "norms = self.W_dec.norm(dim=-1)\n"
WEIGHTED_L1 = "l1 = self.l1_coefficient * (made.acts * norms).sum(-1).mean()\n"
WEIGHTED = mistakes(
    "8.4",
    "NormWeightedSAE.loss_parts",
    {
        "Are the lengths of the decoder rows missing in the penalty?": ERROR + L1 + RETURN,
        "Are the lengths squared?": (
            ERROR + "norms = self.W_dec.square().sum(-1)\n" + WEIGHTED_L1 + RETURN
        ),
        "Are these the lengths of encoder columns? The penalty takes those of decoder rows.": (
            ERROR + "norms = self.W_enc.norm(dim=0)\n" + WEIGHTED_L1 + RETURN
        ),
        "Is lambda missing?": (
            ERROR + NORMS + "l1 = (made.acts * norms).sum(-1).mean()\n" + RETURN
        ),
        "Is this the mean over latents? Sum over them.": (
            ERROR + NORMS + "l1 = self.l1_coefficient * (made.acts * norms).mean()\n" + RETURN
        ),
        "Is this the mean length of all rows? Each latent has its own.": (
            ERROR + NORMS + "norms = norms.mean()\n" + WEIGHTED_L1 + RETURN
        ),
        "Are acts divided by the lengths? They are multiplied.": (
            ERROR + NORMS + "norms = 1 / norms\n" + WEIGHTED_L1 + RETURN
        ),
    },
    unnamed={
        "is something detached": ERROR
        + "norms = self.W_dec.detach().norm(dim=-1)\n"
        + WEIGHTED_L1
        + RETURN
    },
)
FOLD_NORM = mistakes(
    "8.4",
    "fold_decoder_norm",
    {
        "Is b_enc left as it was? The whole pre-activation is multiplied.": {
            "sae.b_enc *= norms": "pass"
        },
        "Is W_enc left as it was? What the row loses, the activation gains.": {
            "sae.W_enc *= norms": "pass"
        },
        "Is the decoder left as it was? Its rows become unit vectors.": {
            "sae.W_dec /= norms[:, None]": "pass"
        },
        "Is the encoder divided by the lengths? It is multiplied.": {
            "sae.W_enc *= norms": "sae.W_enc /= norms",
            "sae.b_enc *= norms": "sae.b_enc /= norms",
        },
        "Is b_dec scaled too? It belongs to no latent.": {
            "sae.b_enc *= norms": "sae.b_enc *= norms; sae.b_dec *= norms.mean()"
        },
        "Is a row of zeros divided by zero? It stays.": {
            "norms = torch.where(norms > 0, norms, 1)\n": ""
        },
    },
)
UNIT = "unit = torch.nn.functional.normalize(W_dec, dim=-1)\n"
PARALLEL = mistakes(
    "8.3",
    "remove_parallel_gradient",
    {
        "This is the component along the row. It is to be subtracted.": (
            UNIT + "W_dec.grad.copy_((W_dec.grad * unit).sum(dim=-1, keepdim=True) * unit)"
        ),
        "Is the component added? Subtract it.": {"W_dec.grad -= ": "W_dec.grad += "},
        "Are columns used? Each latent is a row of W_dec.": {
            "normalize(W_dec, dim=-1)": "normalize(W_dec, dim=0)",
            "sum(dim=-1, keepdim=True)": "sum(dim=0, keepdim=True)",
        },
        "Is this the component along all of W_dec at once? Each row has its own.": {
            "normalize(W_dec, dim=-1)": "normalize(W_dec.flatten(), dim=0).view_as(W_dec)",
            "sum(dim=-1, keepdim=True)": "sum()",
        },
        "Is the row taken to have length 1? Divide by its squared length.": {
            "torch.nn.functional.normalize(W_dec, dim=-1)": "W_dec"
        },
        "Is the product divided by the length once? A projection divides by its square.": {
            "unit = torch.nn.functional.normalize(W_dec, dim=-1)\n": (
                "unit = torch.nn.functional.normalize(W_dec, dim=-1)\nrows = W_dec\n"
            ),
            "keepdim=True) * unit": "keepdim=True) * rows",
        },
        "Is the gradient unchanged? Write into W_dec.grad.": {
            "W_dec.grad -= ": "gradient = W_dec.grad - "
        },
        "Is the weight projected instead of its gradient?": {"W_dec.grad -= ": "W_dec -= "},
    },
)
NORMALIZE = mistakes(
    "8.3",
    "normalize_rows",
    {
        "Are columns normalized? Each latent is a row of W_dec.": {
            "W_dec.norm(dim=-1, keepdim=True)": "W_dec.norm(dim=0, keepdim=True)"
        },
        "Are rows divided by their squared length?": {
            "W_dec.norm(dim=-1, keepdim=True)": "W_dec.square().sum(dim=-1, keepdim=True)"
        },
        "Is W_dec divided by the length of all of it? Each row gets length 1.": {
            "W_dec.norm(dim=-1, keepdim=True)": "W_dec.norm()"
        },
        "Are short rows left as they are? All rows get length 1.": {
            "torch.where(norms > 0, norms, 1)": "norms.clamp(min=1)"
        },
        "Is W_dec unchanged? Write in place.": {"W_dec /= ": "W_dec = W_dec / "},
        "Is a row of zeros divided by zero?": {"torch.where(norms > 0, norms, 1)": "norms"},
        "Do the absolute values of a row sum to 1? Its length is the root of the squares.": {
            "W_dec.norm(dim=-1, keepdim=True)": "W_dec.abs().sum(dim=-1, keepdim=True)"
        },
    },
)
SCALE = mistakes(
    "8.5",
    "fold_input_scale",
    {
        "Is b_enc scaled too? The activations stay as they are, and so does their bias.": {
            "sae.W_enc *= scale": "sae.W_enc *= scale; sae.b_enc *= scale"
        },
        "Is b_dec left as it was? It is an activation of the scaled model.": {
            "sae.b_dec /= scale": "pass"
        },
        "Is W_dec left as it was? x_hat is to be as large as x.": {"sae.W_dec /= scale": "pass"},
        "Is W_enc left as it was? It reads x, which is not scaled any more.": {
            "sae.W_enc *= scale": "pass"
        },
        "Is the encoder divided and the decoder multiplied? It is the other way round.": {
            "sae.W_enc *= scale": "sae.W_enc /= scale",
            "sae.W_dec /= scale": "sae.W_dec *= scale",
            "sae.b_dec /= scale": "sae.b_dec *= scale",
        },
        "Is b_dec multiplied? It is divided, as the decoder rows are.": {
            "sae.b_dec /= scale": "sae.b_dec *= scale"
        },
    },
)
RIGHT = [
    *right_answers(
        "8.2",
        "VanillaSAE.loss_parts",
        {
            "by hand": (
                "error = (x - made.x_hat).pow(2).sum(-1).mean()\n"
                "l1 = self.l1_coefficient * made.acts.abs().sum(-1).mean()\n" + RETURN
            )
        },
    ),
    *right_answers(
        "8.3",
        "normalize_rows",
        {
            "by copies": {
                "remove_parallel_gradient": """
                square = W_dec.square().sum(1, keepdim=True)
                share = (W_dec.grad * W_dec).sum(1, keepdim=True) / square
                W_dec.grad = W_dec.grad - share.nan_to_num() * W_dec
                """,
                "normalize_rows": "W_dec.copy_(torch.nn.functional.normalize(W_dec, dim=1, eps=0)"
                ".nan_to_num(nan=0) if not W_dec.isnan().any() else"
                " torch.nn.functional.normalize(W_dec, dim=1))",
            }
        },
    ),
    *right_answers(
        "8.4",
        "fold_decoder_norm",
        {
            "latent by latent": {
                "NormWeightedSAE.loss_parts": ERROR
                + "norms = self.W_dec.square().sum(-1).sqrt()\n"
                + "l1 = self.l1_coefficient * (made.acts * norms).sum(-1).mean()\n"
                + RETURN,
                "fold_decoder_norm": """
                for i in range(sae.d_sae):
                    length = sae.W_dec[i].norm()
                    if length > 0:
                        sae.W_dec[i] /= length
                        sae.W_enc[:, i] *= length
                        sae.b_enc[i] *= length
                """,
            }
        },
    ),
    *right_answers(
        "8.5",
        "fold_input_scale",
        {
            "by copies": (
                "sae.W_enc.copy_(sae.W_enc * scale)\n"
                "for weight in (sae.W_dec, sae.b_dec):\n"
                "    weight.copy_(weight / scale)"
            )
        },
    ),
]
