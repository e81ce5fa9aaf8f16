"""Mistakes in transcoders (11.1-11.3) and the bypass (11.4, 11.5)."""

from tests.grading.mistakes import mistakes, right_answers

ENCODE = mistakes(
    "11.1",
    "AbstractTranscoder.pre_activations",
    {
        "Is the input shifted by b_dec? That is an SAE's encoder; here b_dec belongs to the output.": {
            "x @ self.W_enc": "(x - self.b_dec[: self.d_in]) @ self.W_enc"
        },
        "Is b_enc missing?": {" + self.b_enc": ""},
        "Is ReLU applied here? `activate` does that.": (
            "return (x @ self.W_enc + self.b_enc).relu()"
        ),
        "Is b_enc subtracted?": {"+ self.b_enc": "- self.b_enc"},
        "Is the decoder used as the encoder?": {"self.W_enc": "self.W_dec[:, : self.d_in].T"},
    },
    unnamed={"is something detached": {"self.W_enc": "self.W_enc.detach()"}},
)
DECODE = mistakes(
    "11.1",
    "AbstractTranscoder.decode",
    {
        "Is b_dec missing?": {" + self.b_dec": ""},
        "Is b_dec added once per latent?": {
            "acts @ self.W_dec + self.b_dec": "(acts[..., None] * (self.W_dec + self.b_dec)).sum(-2)"
        },
        "Is the mean over latents taken? Add them.": {
            "acts @ self.W_dec": "acts @ self.W_dec / self.d_sae"
        },
    },
)
LOSS = mistakes(
    "11.2",
    "AbstractTranscoder.loss_parts",
    {
        "Is the error a mean over d_out? Sum over the output's entries.": {
            "squared_error(y, made.y_hat)": "squared_error(y, made.y_hat) / y.shape[-1]"
        },
        "Is the error summed over the batch? Take the mean over tokens.": {
            "squared_error(y, made.y_hat)": "(made.y_hat - y).square().sum()"
        },
        "Is the sparsity loss missing?": {"self.penalty(made.acts)": "auxiliary"},
        "Are reconstruction and sparsity exchanged?": (
            "return LossParts(self.penalty(made.acts), squared_error(y, made.y_hat), "
            "y.new_zeros(()))"
        ),
        "Is the length of the error taken instead of its square?": {
            "squared_error(y, made.y_hat)": "(made.y_hat - y).norm(dim=-1).mean()"
        },
    },
)
PENALTY = mistakes(
    "11.2",
    "L1Transcoder.penalty",
    {
        "Is the length of the decoder's rows left out? Then shrinking the encoder lowers the loss.": {
            "(acts @ self.W_dec.norm(dim=-1)).mean()": "acts.sum(dim=-1).mean()"
        },
        "Is lambda missing?": {"self.l1_coefficient * ": ""},
        "Is this the length of columns? Each latent has a row.": (
            "return self.l1_coefficient * acts.sum(dim=-1).mean() * self.W_dec.norm(dim=0).mean()"
        ),
        "Are squared lengths used?": {"self.W_dec.norm(dim=-1)": "self.W_dec.square().sum(dim=-1)"},
        "Is the penalty a mean over latents? Sum over them.": {").mean()": ").mean() / self.d_sae"},
        "Is the penalty summed over the batch? Take the mean over tokens.": {").mean()": ").sum()"},
    },
    unnamed={"is something detached": {"self.W_dec.norm": "self.W_dec.detach().norm"}},
)
EXACT = mistakes(
    "11.3",
    "exact_transcoder",
    {
        "Is b_in missing?": {"made.b_enc.copy_(mlp.b_in)\n": ""},
        "Is b_out missing?": {"made.b_dec.copy_(mlp.b_out)\n": ""},
        "Is the decoder left at zero?": {"made.W_dec.copy_(mlp.W_out)\n": ""},
        "Is the encoder still random?": {"made.W_enc.copy_(mlp.W_in)\n": ""},
    },
    unnamed={
        "shares its memory": {"made.W_dec.copy_(mlp.W_out)": "made.W_dec.data = mlp.W_out.data"},
        "shares its memory with": {"made.W_enc.copy_(mlp.W_in)": "made.W_enc.data = mlp.W_in.data"},
    },
)
BYPASS = mistakes(
    "11.4",
    "SkipTranscoder.bypass",
    {
        "Is b_dec added here too? decode adds it already.": {
            "x @ self.W_skip": "x @ self.W_skip + self.b_dec"
        },
        "Is ReLU applied? The bypass is affine.": {"x @ self.W_skip": "(x @ self.W_skip).relu()"},
        "Is x returned as it is?": "return x @ torch.eye(self.d_in, self.d_out).to(x)",
        "Is the bypass zero?": "return x.new_zeros(*x.shape[:-1], self.d_out) + 0 * self.W_skip.sum()",
    },
    unnamed={"is something detached": {"self.W_skip": "self.W_skip.detach()"}},
)
AFFINE = mistakes(
    "11.5",
    "fit_affine",
    {
        "Is the offset missing? Subtract the means before fitting.": {
            "(mean_y - mean_x @ W).to(y)": "torch.zeros_like(mean_y).to(y)"
        },
        "Is the offset the mean of y? Subtract what W makes of the mean of x.": {
            "mean_y - mean_x @ W": "mean_y"
        },
        "Are the inputs not centered? The offset would be penalized with them.": {
            "centered = wide_x - mean_x": "centered = wide_x"
        },
        "Is the ridge left out?": {"shift = ridge * ": "shift = 0 * "},
        "Is the ridge taken as it is? It is a share of the mean squared singular value.": {
            "gram.diagonal().mean() * ": ""
        },
    },
    unnamed={
        "in bfloat16": (
            "mean_x, mean_y = x.mean(dim=0), y.mean(dim=0)\n"
            "centered = x - mean_x\n"
            "gram = centered.T @ centered\n"
            "shift = ridge * gram.diagonal().mean() * torch.eye(len(gram)).to(x)\n"
            "W = torch.linalg.pinv(gram + shift) @ centered.T @ (y - mean_y)\n"
            "return AffineMap(W.to(y), (mean_y - mean_x @ W).to(y))"
        ),
        "precision of y": {"AffineMap(W.to(y), (": "AffineMap(W, ("},
    },
    base="",
)
RIGHT = [
    *right_answers(
        "11.1",
        "AbstractTranscoder.pre_activations",
        {"linear": "return torch.nn.functional.linear(x, self.W_enc.T, self.b_enc)"},
    ),
    *right_answers(
        "11.1",
        "AbstractTranscoder.decode",
        {"einsum": 'return torch.einsum("...s,so->...o", acts, self.W_dec) + self.b_dec'},
    ),
    *right_answers(
        "11.2",
        "AbstractTranscoder.loss_parts",
        {
            "by hand": (
                "error = (y - made.y_hat).pow(2).sum(-1).mean()\n"
                "return LossParts(error, self.penalty(made.acts), torch.zeros_like(error))"
            )
        },
    ),
    *right_answers(
        "11.2",
        "L1Transcoder.penalty",
        {
            "sum of products": (
                "lengths = self.W_dec.pow(2).sum(1).sqrt()\n"
                "return (self.l1_coefficient * acts * lengths).sum(-1).mean()"
            )
        },
    ),
    *right_answers(
        "11.3",
        "exact_transcoder",
        {
            "data": (
                "made.W_enc.data = mlp.W_in.detach().clone()\n"
                "made.b_enc.data = mlp.b_in.detach().clone()\n"
                "made.W_dec.data = mlp.W_out.detach().clone()\n"
                "made.b_dec.data = mlp.b_out.detach().clone()\n"
                "return made"
            )
        },
    ),
    *right_answers(
        "11.4",
        "SkipTranscoder.bypass",
        {"linear": "return torch.nn.functional.linear(x, self.W_skip.T)"},
    ),
    *right_answers(
        "11.5",
        "fit_affine",
        {
            "augmented": (
                "mean_x, mean_y = wide_x.mean(0), wide_y.mean(0)\n"
                "centered = wide_x - mean_x\n"
                "strength = (ridge * centered.square().sum() / x.shape[1]).sqrt()\n"
                "extra = strength * torch.eye(x.shape[1], dtype=torch.float64)\n"
                "left = torch.cat([centered, extra])\n"
                "right = torch.cat([wide_y - mean_y, wide_y.new_zeros(len(extra), y.shape[1])])\n"
                "W = torch.linalg.pinv(left) @ right\n"
                "return AffineMap(W.to(y.dtype), (mean_y - mean_x @ W).to(y.dtype))"
            )
        },
    ),
]
