"""Graders of active_entries.py: sums over active entries (9.4) and their gradients (9.5)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise, wrong_gradients
from tests.grading.odd_inputs import check_odd
from tests.grading.peak_memory import largest_made


def draw(entries, n_tokens, d_sae, seed=7):
    """Random pairs, ordered by token; some tokens and latents have none."""
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randperm(n_tokens * d_sae, generator=generator)[:entries].sort().values
    return pairs // d_sae, pairs % d_sae


def per_token(weights, rows, token, latent, n_tokens, d_sae):
    out = torch.zeros(n_tokens, rows.shape[1], dtype=rows.dtype)
    for weight, t, i in zip(weights, token, latent, strict=True):
        out[t] += weight * rows[i]
    return out


def per_latent(weights, rows, token, latent, n_tokens, d_sae):
    return per_token(weights, rows, latent, token, d_sae, n_tokens)


def summed(active_entries, name):
    def call(weights, rows, token, latent, n_tokens, d_sae):
        entries = active_entries.ActiveEntries(token, latent, n_tokens, d_sae)
        return getattr(entries, name)(weights, rows)

    call.__name__ = name
    return call


@exercise("9.4")
@pytest.mark.parametrize(
    "name, oracle", [("sum_per_token", per_token), ("sum_per_latent", per_latent)]
)
def test_sums_on_odd_inputs(active_entries, name, oracle):
    def make(n_tokens, d_sae, d):
        token, latent = draw(n_tokens * d_sae // 3 + 1, n_tokens, d_sae)
        rows = normal(d_sae if name == "sum_per_token" else n_tokens, d, seed=2)
        return normal(len(token), seed=1), rows, token, latent, n_tokens, d_sae

    check_odd(summed(active_entries, name), oracle, make, n_tokens=6, d_sae=8, d=3)


@exercise("9.4")
def test_sums_per_token_have_gradients(active_entries):
    entries = active_entries.ActiveEntries(*draw(9, 4, 7), 4, 7)
    weights, rows = normal(9, seed=1).requires_grad_(), normal(7, 3, seed=2)
    wrong = wrong_gradients(lambda: entries.sum_per_token(weights, rows), {"weights": weights})
    assert not wrong, "The sum per token has no gradient for the weights; SparseDecode uses it."


@exercise("9.4")
def test_no_entries_give_zeros(active_entries):
    none = torch.zeros(0, dtype=torch.long)
    entries = active_entries.ActiveEntries(none, none, 3, 4)
    claim = "Without entries every sum is zero."
    zeros = torch.zeros(4, 2, dtype=torch.float64)
    check(
        entries.sum_per_latent, normal(0, seed=4), normal(3, 2, seed=4), expected=zeros, claim=claim
    )
    check(
        entries.sum_per_token,
        normal(0, seed=4),
        normal(4, 2, seed=4),
        expected=zeros[:3],
        claim=claim,
    )


@exercise("9.4")
def test_entries_are_sorted_by_latent(active_entries):
    token, latent = draw(9, 4, 7)
    order, starts = active_entries.ActiveEntries(token, latent, 4, 7).by_latent
    assert_close(latent[order], latent.sort().values, "`order` does not sort the latents.")
    expected = [int((latent < i).sum()) for i in range(7)]
    assert_close(starts.tolist(), expected, "`starts` are not the first places of the latents.")


@exercise("9.4")
def test_no_table_of_all_latents_is_made(active_entries):
    entries = active_entries.ActiveEntries(*draw(12, 6, 50), 6, 50)
    weights, rows, table = normal(12, seed=4), normal(50, 2, seed=4), normal(6, 2, seed=5)
    for sums in (
        lambda: entries.sum_per_token(weights, rows),
        lambda: entries.sum_per_latent(weights, table),
    ):
        assert largest_made(sums) <= 50 * 2, (
            "A table [token, d_sae] is made, with silent latents too; sum the rows of active "
            "entries alone, for example with embedding_bag."
        )


def weights(d_in, d_sae):
    return normal(d_in, d_sae, seed=1), normal(d_sae, seed=2), normal(d_sae, d_in, seed=3)


def through_encoder(active_entries):
    """The gradients of b_dec, W_enc and b_enc, given those of the selected pre-activations."""

    def gradients_of_encode(x, b_dec, W_enc, b_enc, grad, token, latent):
        leaves = [w.clone().requires_grad_() for w in (b_dec, W_enc, b_enc)]
        entries = active_entries.ActiveEntries(token, latent, len(x), len(b_enc))
        centered = x - b_dec
        pre_acts = centered @ W_enc + b_enc
        kept = active_entries.SparseEncode.apply(centered, *leaves, pre_acts, entries)
        kept.backward(grad)
        return [leaf.grad for leaf in leaves]

    return gradients_of_encode


def dense_encoder(x, b_dec, W_enc, b_enc, grad, token, latent):
    full = torch.zeros(len(x), len(b_enc), dtype=x.dtype)
    full[token, latent] = grad
    d_W = torch.stack(
        [sum(full[t, i] * (x - b_dec)[t] for t in range(len(x))) for i in range(len(b_enc))]
    )
    d_b = full.sum(dim=0)
    return [-(W_enc * d_b).sum(dim=1), d_W.T, d_b]


@exercise("9.5")
def test_gradients_of_the_encoder_on_odd_inputs(active_entries):
    def make(tokens, d_in, d_sae):
        token, latent = draw(tokens * d_sae // 3 + 1, tokens, d_sae)
        W_enc, b_enc, _ = weights(d_in, d_sae)
        grad = normal(len(token), seed=8)
        return normal(tokens, d_in, seed=9), normal(d_in, seed=6), W_enc, b_enc, grad, token, latent

    skip = "nan close tokens=300 d_sae=300 d_in=300"
    check_odd(
        through_encoder(active_entries), dense_encoder, make, skip=skip, tokens=6, d_in=4, d_sae=8
    )


def through_decoder(active_entries):
    def gradients_of_decode(acts, W_dec, grad, token, latent):
        leaves = [w.clone().requires_grad_() for w in (acts, W_dec)]
        entries = active_entries.ActiveEntries(token, latent, len(grad), len(W_dec))
        active_entries.SparseDecode.apply(*leaves, entries).backward(grad)
        return [leaf.grad for leaf in leaves]

    return gradients_of_decode


def dense_decoder(acts, W_dec, grad, token, latent):
    d_acts = torch.stack([(grad[t] * W_dec[i]).sum() for t, i in zip(token, latent, strict=True)])
    return [d_acts, per_latent(acts, grad, token, latent, len(grad), len(W_dec))]


@exercise("9.5")
def test_gradients_of_the_decoder_on_odd_inputs(active_entries):
    def make(tokens, d_in, d_sae):
        token, latent = draw(tokens * d_sae // 3 + 1, tokens, d_sae)
        grad = normal(tokens, d_in, seed=9)
        return normal(len(token), seed=8), normal(d_sae, d_in, seed=3), grad, token, latent

    skip = "nan close tokens=300 d_sae=300 d_in=300"
    check_odd(
        through_decoder(active_entries), dense_decoder, make, skip=skip, tokens=6, d_in=4, d_sae=8
    )


@exercise("9.5")
def test_a_pass_has_gradients_more_than_once(active_entries):
    (token, latent), acts = draw(9, 6, 8), normal(9, seed=8).requires_grad_()
    entries = active_entries.ActiveEntries(token, latent, 6, 8)
    x_hat = active_entries.SparseDecode.apply(acts, weights(4, 8)[2], entries)
    one, two = (torch.autograd.grad(x_hat.sum(), acts, retain_graph=True)[0] for _ in range(2))
    assert_close(two, one, "A second backward pass with retain_graph must give the same gradient.")


@exercise("9.5")
def test_nan_in_a_gradient_is_kept(active_entries):
    (token, latent), (W_enc, b_enc, W_dec) = draw(9, 6, 8), weights(4, 8)
    nan, x = torch.full((9,), torch.nan).double(), normal(6, 4, seed=9)
    encoder = through_encoder(active_entries)(x, x[0], W_enc, b_enc, nan, token, latent)
    decoder = through_decoder(active_entries)(nan, W_dec, nan[0] * x, token, latent)
    for grad in (*encoder, *decoder):
        assert grad.isnan().any(), "The incoming gradient is NaN, and a gradient hides it."


@exercise("9.5")
@pytest.mark.parametrize("kind", ["TopKSAE", "BatchTopKSAE"])
def test_the_sparse_pass_equals_the_dense_one(topk, batch_topk, train, kind):
    made = getattr(topk, kind, None) or getattr(batch_topk, kind)
    made = randomise(made(4, 30, 3, aux_k=5, dead_after=2).double(), 3)
    made.silent_for[::4] = 9
    x, results = normal(7, 4, seed=5), []
    for training_pass in (train.dense_pass, topk.sparse_pass):
        made.zero_grad()
        result = training_pass(made, x)
        result.loss.total().backward()
        results.append([*result.loss, result.n_active, *(p.grad for p in made.parameters())])
    assert_close(
        *results[::-1], "Losses and gradients of the sparse pass differ from the dense one."
    )


@pytest.mark.project
@pytest.mark.parametrize("kind", ["TopKSAE", "BatchTopKSAE"])
def test_two_hundred_steps_equal_the_dense_reference(topk, batch_topk, train, kind):
    made = getattr(topk, kind, None) or getattr(batch_topk, kind)
    runs = []
    for training_pass in (train.dense_pass, topk.sparse_pass):
        sae = made(16, 64, 4, seed=1, aux_k=8, dead_after=20).double()
        config = train.SAETrainConfig(200, lr=1e-2)
        stream = lambda step: normal(64, 16, seed=step)  # noqa: E731
        records = train.train_saes({"a": sae}, stream, config, training_pass=training_pass)
        runs.append([record.results["a"].loss.total().item() for record in records])
    gaps = [abs(a - b) for a, b in zip(*runs, strict=True)]
    assert len(gaps) == 200 and max(gaps) < 1e-9


@pytest.mark.project
def test_losses_of_their_own_have_no_sparse_pass(topk, matryoshka, vanilla):
    for sae in (
        topk.MultiTopKSAE(4, 8, 2),
        matryoshka.MatryoshkaSAE(4, 8, 2, [8]),
        vanilla.VanillaSAE(4, 8, 0.1),
    ):
        with pytest.raises(TypeError, match="expected an SAE with a sparse pass"):
            topk.sparse_pass(sae, torch.zeros(3, 4))


@pytest.mark.project
@pytest.mark.parametrize("n", [1, 40, 900, 3000])
def test_the_largest_of_a_batch_are_found(active_entries, n):
    for pre_acts in (normal(30, 100, seed=1), torch.zeros(30, 100), normal(300, 1000, seed=2)):
        entries = active_entries.largest_in_batch(pre_acts, n)
        assert len(entries.token) == n and bool((entries.token.diff() >= 0).all())
        assert len({(int(t), int(i)) for t, i in zip(entries.token, entries.latent)}) == n
        actual = pre_acts[entries.token, entries.latent].sort().values
        assert torch.equal(actual, pre_acts.flatten().topk(n).values.sort().values)
