"""A learner's own copy of a toy: exactly the toy's predictions, from other weights."""

import time

import pytest
import torch

import toy_models
from toy_models.instances import instance, rotation, token_order, write_instance

pytestmark = pytest.mark.project
TOYS = ["induction_2l", "facts", "text_4l", "attn_2l"]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Open a toy and an instance of it in float64."""
    from solutions.ch02_transformer import load_pretrained

    def opened(name, seed, impostors=False):
        folder = tmp_path_factory.mktemp(f"{name}_{seed}")
        write_instance(name, seed, folder, impostors=impostors)
        own, _ = load_pretrained(folder, dtype=torch.float64)
        shipped, _ = load_pretrained(toy_models.folder(name), dtype=torch.float64)
        return shipped.requires_grad_(False), own.requires_grad_(False)

    return opened


def logits_of_both(name, shipped, own, seed):
    """Logits on the same texts; tokens of a toy without a tokenizer are permuted."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(shipped.config.d_vocab, (3, 11), generator=generator)
    if toy_models.load(name).tokenizer is not None:
        return shipped(tokens), own(tokens)
    order = token_order(seed, shipped.config.d_vocab)
    return shipped(order[tokens])[..., order], own(tokens)


@pytest.mark.parametrize("impostors", [False, True])
@pytest.mark.parametrize("name", TOYS)
def test_an_instance_has_the_toys_logits(opened, name, impostors):
    for seed in (0, 5):
        shipped, own = opened(name, seed, impostors)
        expected, actual = logits_of_both(name, shipped, own, seed)
        expected, actual = (logits.log_softmax(dim=-1) for logits in (expected, actual))
        assert (actual - expected).abs().max() < 1e-10, f"{name}, seed {seed}"


@pytest.mark.parametrize("name", TOYS)
def test_no_weight_of_an_instance_is_the_toys(name):
    toy = toy_models.load(name)
    own, other = instance(toy.tensors, 1), instance(toy.tensors, 2)
    for key, weight in toy.tensors.items():
        if "ln" not in key and weight.abs().max() > 0 and not key.startswith("unembed.b"):
            assert not torch.allclose(own[key], weight.double(), atol=1e-3), key
            assert not torch.allclose(own[key], other[key], atol=1e-3), key


def test_one_impostor_matters_and_both_do_not(opened):
    shipped, own = opened("induction_2l", 3, impostors=True)
    tokens = torch.randint(64, (4, 20), generator=torch.Generator().manual_seed(0))
    clean = own(tokens)

    def without(heads):
        def cut(z, _):
            z = z.clone()
            z[:, :, heads] = 0
            return z

        with own.hooks({"blocks.1.attn.hook_z": cut}):
            return (own(tokens) - clean).abs().max().item()

    changes = {pair: without(list(pair)) for pair in [(i, j) for i in range(4) for j in range(i)]}
    twins = min(changes, key=changes.get)
    assert changes[twins] < 1e-10, "the writes of the two impostors cancel"
    assert all(without([head]) > 0.01 for head in twins), "alone each changes the predictions"


def test_a_rotation_keeps_the_ones():
    turn = rotation(7, torch.Generator().manual_seed(0))
    ones = torch.ones(7, dtype=torch.float64)
    assert torch.allclose(turn @ turn.T, torch.eye(7, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(ones @ turn, ones, atol=1e-12)


def test_a_seed_gives_the_same_weights_again():
    toy = toy_models.load("induction_2l")
    first, second = (instance(toy.tensors, 9, impostors=True, words=True) for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_other_models_are_refused():
    with pytest.raises(ValueError, match="expected a transformer with LayerNorm"):
        instance(toy_models.load("superposition_5").tensors, 0)
    for seed in ("a", None, 1.5, 10**30):
        with pytest.raises(ValueError, match="expected seed as a whole number"):
            instance({}, seed)


def test_an_instance_takes_no_training():
    toy = toy_models.load("induction_2l")
    start = time.process_time()
    instance(toy.tensors, 0, impostors=True, words=True)
    assert time.process_time() - start < 1, "derived, not retrained"
