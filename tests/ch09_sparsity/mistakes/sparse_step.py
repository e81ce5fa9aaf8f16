"""Mistakes in sums over active entries (9.4) and their gradients (9.5), and right answers."""

from tests.grading.mistakes import mistakes, right_answers

ENTRIES = mistakes(
    "9.4",
    "ActiveEntries.sum_per_latent",
    {
        "Are the weights left in the order of tokens? They follow their entries.": {
            "per_sample_weights=weights[order]": "per_sample_weights=weights"
        },
        "Are the tokens left in their order? Sort the entries by latent.": {
            "self.token[order], rows": "self.token, rows"
        },
        "Are the sums those per token, and not per latent?": {
            "self.token[order], rows, starts": "self.token, rows, self.token_starts",
            "per_sample_weights=weights[order]": "per_sample_weights=weights",
        },
        "Are the weights missing?": {
            ', mode="sum", per_sample_weights=weights[order]': ', mode="sum"'
        },
        "Is this a mean over the entries of a latent? It is their sum.": {
            "order, starts = self.by_latent": (
                "order, starts = self.by_latent\n"
                "n = self.latent.bincount(minlength=self.d_sae).clamp(min=1)\n"
                "weights = weights / n[self.latent]"
            )
        },
    },
    unnamed={
        "A table [token, d_sae] is made": (
            "full = rows.new_zeros(self.n_tokens, self.d_sae)\n"
            "full[self.token, self.latent] = weights\n"
            "return full.T @ rows"
        )
    },
)
ORDER = mistakes(
    "9.4",
    "ActiveEntries.by_latent",
    {
        "Are these the starts of tokens? A place per latent is needed.": {
            "starts_of(self.latent, self.d_sae)": "starts_of(self.token, self.d_sae)"
        },
        "Are the entries sorted by token? They already are; sort by latent.": {
            "self.latent.argsort(stable=True)": "self.token.argsort(stable=True)"
        },
        "Are the latents in descending order?": {
            "self.latent.argsort(stable=True)": "self.latent.argsort(descending=True)"
        },
        "Is the order inverted? Entry `order[i]` comes at place i.": {
            "self.latent.argsort(stable=True)": "self.latent.argsort(stable=True).argsort()"
        },
    },
)
ENCODE = mistakes(
    "9.5",
    "SparseEncode.backward",
    {
        "Is the gradient of b_dec missing? Each token's input has b_dec subtracted.": {
            "-W_enc @ d_b_enc": "torch.zeros_like(centered[0])"
        },
        "Is the sign of b_dec's gradient flipped?": {"-W_enc @ d_b_enc": "W_enc @ d_b_enc"},
        "Does b_enc count active entries? Sum their gradients.": {
            "index_add_(0, entries.latent, grad)": (
                "index_add_(0, entries.latent, torch.ones_like(grad))"
            )
        },
        "Is d_b_enc a mean over the tokens of the batch? It is a sum.": {
            "index_add_(0, entries.latent, grad)": (
                "index_add_(0, entries.latent, grad) / len(centered)"
            )
        },
        "Is a latent that is active at several tokens counted once? Add all its entries.": {
            "torch.zeros_like(W_enc[0]).index_add_(0, entries.latent, grad)": (
                "torch.zeros_like(W_enc[0]).index_put_((entries.latent,), grad)"
            )
        },
    },
)
DECODE = mistakes(
    "9.5",
    "SparseDecode.backward",
    {
        "Is the gradient of W_dec not weighted by acts?": {
            "entries.sum_per_latent(acts, grad)": "entries.sum_per_latent(torch.ones_like(acts), grad)"
        },
        "Is acts in its own gradient? x_hat is linear in acts.": {
            "return d_acts, ": "return d_acts * acts, "
        },
        "Is the gradient of acts half of it? The decoder is not squared.": {
            "return d_acts, ": "return d_acts / 2, "
        },
        "Is the gradient of acts missing? Without it the encoder does not learn.": {
            "return d_acts, ": "return torch.zeros_like(d_acts), "
        },
    },
    unnamed={"a second time": {", retain_graph=True": ""}},
)
RIGHT = [
    *right_answers(
        "9.4",
        "ActiveEntries.sum_per_latent",
        {
            "by index_add_": (
                "out = rows.new_zeros(self.d_sae, rows.shape[1])\n"
                "return out.index_add_(0, self.latent, weights[:, None] * rows[self.token])"
            )
        },
    ),
    *right_answers(
        "9.5",
        "SparseDecode.backward",
        {
            "by gathering": (
                "d_acts = (grad[entries.token] * W_dec[entries.latent]).sum(dim=-1)\n"
                "return d_acts, entries.sum_per_latent(acts, grad), None"
            )
        },
    ),
]
