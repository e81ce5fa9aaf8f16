"""GPT-2's adapter: its tensors, read by hand in loops, give the logits of our model."""

import pytest
import torch

from tests.grading.assertions import assert_close, normal

from . import tiny_checkpoints as tiny
from . import transformer_reference

pytestmark = pytest.mark.project
TOKENS = [3, 1, 22, 0, 7]


@pytest.fixture
def load(loading, tmp_path):
    """Writes a GPT-2 checkpoint, some settings changed, and loads it in float64."""

    def loaded(tensors, **changes):
        folder = tiny.write(tmp_path / "gpt2", tiny.GPT2 | changes, tensors)
        return loading.load_pretrained(folder, dtype=torch.float64)[0]

    return loaded


def logits_by_hand(tensors):
    """The logits of one sequence, position by position, from a checkpoint's own tensors."""
    stream = [
        tensors["wte.weight"][token] + tensors["wpe.weight"][p] for p, token in enumerate(TOKENS)
    ]

    def norm(name):
        w, b = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        return [
            transformer_reference.layer_norm(x, w, b, tiny.GPT2["layer_norm_epsilon"])
            for x in stream
        ]

    def linear(name, x):
        return x @ tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    for layer in range(tiny.GPT2["n_layer"]):
        qkv = torch.stack([linear(f"h.{layer}.attn.c_attn", x) for x in norm(f"h.{layer}.ln_1")])
        q, k, v = (qkv[:, 12 * i : 12 * i + 12].reshape(-1, 3, 4) for i in range(3))
        z = transformer_reference.attention(q, k, v).reshape(-1, 12)
        stream = [x + linear(f"h.{layer}.attn.c_proj", z[p]) for p, x in enumerate(stream)]
        hidden = [linear(f"h.{layer}.mlp.c_fc", x) for x in norm(f"h.{layer}.ln_2")]
        outputs = [
            linear(f"h.{layer}.mlp.c_proj", transformer_reference.gelu_tanh(x)) for x in hidden
        ]
        stream = [x + y for x, y in zip(stream, outputs, strict=True)]
    return torch.stack(norm("ln_f")) @ tensors["wte.weight"].T


@pytest.mark.parametrize("prefix", ["transformer.", ""])
def test_logits_equal_gpt2_worked_out_in_loops(load, prefix):
    model = load(tiny.gpt2_tensors(tiny.GPT2, prefix))
    expected = logits_by_hand(tiny.gpt2_tensors(tiny.GPT2, prefix=""))
    assert_close(
        model(torch.tensor([TOKENS]))[0], expected, "The adapter must keep GPT-2's arithmetic."
    )


def test_the_saved_causal_masks_are_ignored(load):
    mask = {f"transformer.h.{layer}.attn.bias": torch.ones(1, 1, 32, 32).tril() for layer in (0, 1)}
    hidden = {"transformer.h.0.attn.masked_bias": torch.tensor(-1e4)}
    load(tiny.gpt2_tensors(tiny.GPT2) | mask | hidden)


def test_a_missing_bias_is_named(load):
    tensors = tiny.gpt2_tensors(tiny.GPT2)
    del tensors["transformer.h.1.mlp.c_fc.bias"]
    with pytest.raises(ValueError, match="transformer.h.1.mlp.c_fc.bias"):
        load(tensors)


def test_an_untied_unembedding_is_its_own_matrix(load):
    tensors = tiny.gpt2_tensors(tiny.GPT2) | {"lm_head.weight": normal(23, 12, seed=99)}
    model = load(tensors, tie_word_embeddings=False)
    assert torch.equal(model.unembed.W_U, tensors["lm_head.weight"].T)
    assert not model.unembed.b_U.any(), "expected a bias of zeros: GPT-2's unembedding has none"


@pytest.mark.parametrize(
    "setting",
    [
        {"scale_attn_by_inverse_layer_idx": True},
        {"scale_attn_weights": False},
        {"reorder_and_upcast_attn": True},
        {"add_cross_attention": True},
        {"activation_function": "tanh"},
    ],
)
def test_settings_that_change_the_arithmetic_are_refused(load, setting):
    with pytest.raises(
        ValueError, match=next(iter(setting)).replace("activation_function", "tanh")
    ):
        load(tiny.gpt2_tensors(tiny.GPT2), **setting)


@pytest.mark.parametrize("shape", [(12, 35), (11, 36), (36,), (12, 36, 1)])
def test_a_wrong_shape_of_the_joint_projection_is_refused(load, shape):
    tensors = tiny.gpt2_tensors(tiny.GPT2)
    tensors["transformer.h.0.attn.c_attn.weight"] = normal(*shape, seed=1)
    with pytest.raises(ValueError, match="config.json"):
        load(tensors)


def test_heads_that_do_not_divide_d_model_are_refused(load):
    with pytest.raises(ValueError, match="config.json"):
        load(tiny.gpt2_tensors(tiny.GPT2), n_head=5)
