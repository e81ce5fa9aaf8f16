"""Graders of local.py: the model forward (12.1) and directions carried back (12.2)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

from .conftest import TEXT
from .linear_oracle import Linear

FAMILIES = ["GPT2", "LLAMA"]


def frozen_norm(local, gain, scale, centers):
    return local.FrozenNorm(gain, torch.ones_like(gain), centers, scale)


def norm_arguments(target, pos, d_model):
    return (
        normal(target, pos, d_model, seed=1),
        normal(d_model, seed=2),
        1 + normal(pos, 1, seed=3).abs(),
    )


@exercise("12.1")
@pytest.mark.parametrize("centers", [True, False])
def test_frozen_norm_on_odd_inputs(local, centers):
    def apply_norm(x, gain, scale):
        return local.apply_norm(frozen_norm(local, gain, scale, centers), x)

    def oracle(x, gain, scale):
        x = x - x.sum(dim=-1, keepdim=True) / x.shape[-1] if centers else x
        return x * gain / scale

    # Differences of equal numbers are noise in float32.
    sizes = {"target": 2, "pos": 3, "d_model": 5}
    check_odd(apply_norm, oracle, norm_arguments, skip="close float32 zeros sparse tiny", **sizes)


@exercise("12.1")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed, length", [(1, 5), (2, 5), (1, 1)])
def test_local_model_equals_the_model(local, small, family, seed, length):
    made, text = small(family, seed), TEXT[:, :length]
    _, cache = made.run_with_cache(text)
    run = local.run_local(local.freeze(made, text))
    middle = torch.stack([cache[f"blocks.{layer}.hook_resid_mid"][0] for layer in range(3)])
    assert_close(run.resid_mid, middle, "The residual stream before an MLP is not the model's.")
    last = cache["blocks.2.hook_resid_post"][0]
    assert_close(run.resid_final, last, "The residual stream at the end is not the model's.")
    assert_close(run.logits, made(text)[0], "The logits are not the model's.")


@exercise("12.1")
@pytest.mark.parametrize("family", FAMILIES)
def test_additions_are_carried_by_frozen_maps(local, small, family):
    made = small(family)
    frozen = local.freeze(made, TEXT)
    shape = frozen.embed.shape
    for added in (
        {-1: 3 * normal(*shape, seed=5)},
        {1: normal(*shape, seed=6)},
        {-1: normal(*shape, seed=7), 0: 2 * normal(*shape, seed=8), 2: normal(*shape, seed=9)},
    ):
        before, after = local.run_local(frozen), local.run_local(frozen, added)
        streams = Linear(made, TEXT).carry(added)
        claim = f"A vector added at {sorted(added)} is not carried by the frozen linear maps."
        assert_close(after.resid_mid - before.resid_mid, streams[:-1], claim)
        assert_close(after.resid_final - before.resid_final, streams[-1], claim)


@exercise("12.2")
@pytest.mark.parametrize("centers", [True, False])
def test_norm_transpose_on_odd_inputs(local, centers):
    def norm_transpose(rows, gain, scale):
        return local.norm_transpose(frozen_norm(local, gain, scale, centers), rows)

    def oracle(rows, gain, scale):
        n = len(gain)
        matrix = torch.eye(n).to(gain) - 1 / n
        return (rows * gain / scale) @ matrix if centers else rows * gain / scale

    sizes = {"target": 2, "pos": 3, "d_model": 5}
    check_odd(
        norm_transpose, oracle, norm_arguments, skip="close float32 zeros sparse tiny", **sizes
    )


def plain_transpose(attn, pattern, rows):
    """Each head, query and key in turn."""
    group = len(attn.W_O) // len(attn.W_V)
    back = torch.zeros_like(rows)
    for head, mix in enumerate(pattern):
        through = attn.W_V[head // group] @ attn.W_O[head]
        for query in range(len(mix)):
            for key in range(len(mix)):
                back[:, key] += mix[query, key] * rows[:, query] @ through.T
    return back


@exercise("12.2")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n_targets", [1, 4])
def test_attention_transpose_goes_from_queries_to_keys(local, small, family, n_targets):
    layer = local.freeze(small(family), TEXT).layers[1]
    rows = normal(n_targets, 5, 12, seed=4)
    check(
        local.attention_transpose,
        layer.attention,
        rows,
        expected=plain_transpose(layer.attention.attn, layer.attention.pattern, rows),
        claim="Rows are not carried back through attention.",
    )


@exercise("12.2")
@pytest.mark.parametrize("family", FAMILIES)
def test_transposes_keep_dot_products(local, small, family):
    """<rows, f(x)> = <transpose(rows), x> for what attention adds to what it reads."""
    layer = local.freeze(small(family), TEXT).layers[2]
    x, rows = normal(5, 12, seed=1), normal(3, 5, 12, seed=2)
    written = local.apply_attention(layer.attention, local.apply_norm(layer.norm1, x))
    written = written - local.apply_attention(layer.attention, torch.zeros_like(x))
    back = local.norm_transpose(layer.norm1, local.attention_transpose(layer.attention, rows))
    claim = "A dot product changes when it is taken before attention instead of after it."
    assert_close((back * x).sum(dim=(1, 2)), (rows * written).sum(dim=(1, 2)), claim)


@pytest.mark.project
def test_freeze_refuses_several_texts_and_other_blocks(local, small, config, model):
    with pytest.raises(ValueError, match=r"expected tokens of shape \[1, pos\]"):
        local.freeze(small("GPT2"), TEXT.repeat(2, 1))
    from dataclasses import replace

    sizes = config.TransformerConfig(1, 4, 1, 4, 5, 6, 8)
    parallel = model.HookedTransformer(sizes, replace(model.GPT2, block=model.ParallelBlock))
    with pytest.raises(ValueError, match="ParallelBlock; freeze one text at a time"):
        local.freeze(parallel, TEXT)


@pytest.mark.project
def test_freeze_refuses_half_precision(local, small):
    with pytest.raises(ValueError, match=r"float64.*got torch.bfloat16; call model.float"):
        local.freeze(small("GPT2").bfloat16(), TEXT)
