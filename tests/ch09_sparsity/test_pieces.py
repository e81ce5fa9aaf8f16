"""The sparse step encodes a batch in pieces; what it selects does not depend on their size."""

import pytest
import torch

from tests.grading.assertions import normal

pytestmark = pytest.mark.project


@pytest.mark.parametrize("size", [1, 3, 7, 50])
@pytest.mark.parametrize("kind", ["TopKSAE", "BatchTopKSAE"])
def test_pieces_of_any_size_give_the_dense_activations(topk, batch_topk, kind, size):
    made = getattr(topk, kind, None) or getattr(batch_topk, kind)
    sae, x = made(5, 40, 3, seed=2).double(), normal(23, 5, seed=size)
    pre_acts = sae.pre_activations(x).detach()
    token, latent, values = sae.select(iter(pre_acts.split(size)), len(x))
    actual = torch.zeros_like(pre_acts)
    actual[token, latent] = values.relu()
    assert torch.equal(actual, sae.activate(pre_acts))
    assert bool((token.diff() >= 0).all()), "The entries are not ordered by token."


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("n", [1, 8, 60, 119])
def test_the_largest_are_found_whatever_the_order_of_pieces(active_entries, order, n):
    pre_acts = normal(12, 10, seed=4) + torch.arange(12)[:, None] * order * 10.0
    found = active_entries.largest_in_batch(iter(pre_acts.split(5)), n)
    expected = pre_acts.flatten().topk(n).values.sort().values
    assert torch.equal(found.values.sort().values, expected)
    assert torch.equal(pre_acts[found.token, found.latent], found.values)


def test_encoding_in_pieces_reuses_one_buffer(active_entries, monkeypatch):
    monkeypatch.setattr(active_entries, "TOKENS_AT_ONCE", 4)
    x, W_enc, b_enc = normal(10, 3, seed=1), normal(3, 6, seed=2), normal(6, seed=3)
    places, pieces = set(), []
    for piece in active_entries.encode_in_pieces(x, W_enc, b_enc):
        places.add(piece.data_ptr())
        pieces.append(piece.clone())
    assert len(places) == 1 and [len(piece) for piece in pieces] == [4, 4, 2]
    assert torch.allclose(torch.cat(pieces), x @ W_enc + b_enc, rtol=1e-12, atol=1e-12)


def test_the_sparse_pass_of_matryoshka_equals_the_dense_one(matryoshka, train):
    """200 steps in float64, with AuxK."""
    runs = []
    for training_pass in (train.dense_pass, matryoshka.nested_sparse_pass):
        sae = matryoshka.MatryoshkaSAE(16, 64, 4, [8, 24, 64], seed=1, aux_k=8).double()
        sae.dead_after = 20
        config = train.SAETrainConfig(200, lr=1e-2)
        stream = lambda step: normal(64, 16, seed=step)  # noqa: E731
        records = train.train_saes({"a": sae}, stream, config, training_pass=training_pass)
        runs.append([record.results["a"].loss.total().item() for record in records])
    gaps = [abs(a - b) for a, b in zip(*runs, strict=True)]
    assert len(gaps) == 200 and max(gaps) < 1e-9


def test_the_sparse_pass_of_matryoshka_refuses_others(matryoshka, topk):
    with pytest.raises(TypeError, match="expected a Matryoshka SAE"):
        matryoshka.nested_sparse_pass(topk.TopKSAE(4, 8, 2), torch.zeros(3, 4))
