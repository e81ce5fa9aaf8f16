"""Graders of decompose.py: the stream as a sum, and what each head writes."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects
from tests.grading.tiny_models import TOKENS, authors, shared

FAMILIES = ["gpt2", "parallel", "llama", "attention-only"]


def result_mistakes(z, W_O):
    """Words -> what the usual mistakes give; those of another shape never match."""
    batch, pos, heads, d_head = z.shape
    each = torch.einsum("bphd,hdm->hbpm", z, W_O)
    square = d_head == W_O.shape[2]
    return {
        "W_O is transposed: its axes are [head, d_head, d_model], z @ W_O.": (
            torch.einsum("bphd,hmd->hbpm", z, W_O) if square else z
        ),
        "The axes come in another order: [head, batch, pos, d_model] is asked for, this is "
        "[batch, pos, head, d_model].": each.movedim(0, 2),
        "The axes come in another order: [head, batch, pos, d_model] is asked for, this is "
        "[batch, head, pos, d_model].": each.movedim(0, 1),
        "Every head goes through the first head's W_O.": torch.einsum("bphd,dm->hbpm", z, W_O[0]),
        "The heads are added up: each is a component of its own.": (
            each.sum(0, keepdim=True).expand_as(each)
        ),
        "It is divided by the root of d_head. That belongs to attention scores.": (
            each / d_head**0.5
        ),
        "It is divided by the number of heads: results add up, they are not averaged.": (
            each / heads
        ),
        "Every head gets the mixed values of all: head h of z goes with head h of W_O.": (
            torch.einsum("bpd,hdm->hbpm", z.sum(2), W_O)
        ),
    }


@exercise("3.1")
@pytest.mark.parametrize("shape", [(2, 5, 3, 4, 7), (3, 3, 3, 3, 3)])
def test_a_head_writes_its_z_through_its_own_slice_of_W_O(decompose, shape):
    batch, pos, heads, d_head, d_model = shape
    z, W_O = normal(batch, pos, heads, d_head, seed=1), normal(heads, d_head, d_model, seed=2)
    right = torch.zeros(heads, batch, pos, d_model, dtype=torch.float64)
    for head in range(heads):
        for i in range(d_head):
            right[head] += z[:, :, head, i, None] * W_O[head, i]
    with assert_no_side_effects(z=z, W_O=W_O):
        came = decompose.head_results(z, W_O)
    assert_close(came, right, "Each head writes z @ W_O, of its own.", result_mistakes(z, W_O))


def components(decompose, model):
    """The names and values that came, with words for a model that has no MLPs."""
    try:
        return decompose.decompose(model, TOKENS)
    except KeyError as error:
        pytest.fail(f"There is no {error} in the cache. A model without MLPs has no mlp_out.")


def check_names(came: list[str], expected: list[str]) -> None:
    """Refuses other names than the expected ones, and says which."""
    missing = [name for name in expected if name not in came]
    extra = [name for name in came if name not in expected]
    words = f"Components missing: {missing}; too many: {extra}."
    if any(name.startswith("bias") for name in missing):
        words += " The bias b_O of a layer belongs to no head and is a component of its own."
    if any(name.startswith("mlp") for name in missing):
        words += " What each MLP writes is a component too."
    if extra and not missing:
        words += " Everything is counted once."
    assert not missing and not extra, words
    assert list(came) == expected, (
        f"The components come in the order of computation, layer by layer: {expected}; "
        f"this is {list(came)}."
    )


def component_mistakes(name, model, written, cache):
    """Words -> what the usual mistakes give for one component."""
    right, kind, (layer, _, head) = written[name], name[:4], name.split()[-1].partition(".")
    if kind not in ("head", "bias", "mlp "):
        return {"Is this another piece of the stream?": cache["hook_embed"]}
    attn = model.blocks[int(layer)].attn
    other = 1 - int(layer)
    if kind == "head":
        z = cache[f"blocks.{layer}.attn.hook_z"][:, :, int(head)]
        return {
            "The layer's bias b_O is added to every head: it is counted six times.": (
                right + attn.b_O
            ),
            "The layer's bias b_O is split among its heads. It belongs to none of them.": (
                right + attn.b_O / 6
            ),
            "This uses another layer's W_O.": z @ model.blocks[other].attn.W_O[int(head)],
            "This is another layer's head.": written[f"head {other}.{head}"],
        }
    if kind == "bias":
        carried = (shared(attn.b_V, 6)[:, None] @ attn.W_O).sum(0)
        return {
            "The bias b_O is forgotten: this is zero.": torch.zeros_like(right),
            "The values' bias is counted twice: z holds b_V already.": right + carried,
            "This is another layer's b_O.": model.blocks[other].attn.b_O.expand_as(right),
            "The bias is written once, not once for each head.": 6 * right,
        }
    block = model.blocks[int(layer)]
    return {
        "The MLP's own bias b_out is left out; hook_mlp_out holds it.": right - block.mlp.b_out,
        "This is another layer's MLP.": written[f"mlp {other}"],
        "This is what all heads of the layer write.": cache[f"blocks.{layer}.hook_attn_out"],
        "This is the whole stream after the layer, not what the MLP adds.": (
            cache[f"blocks.{layer}.hook_resid_post"]
        ),
    }


@exercise("3.1")
@pytest.mark.parametrize("family", FAMILIES)
def test_components_are_all_that_is_written_and_sum_to_the_stream(decompose, build, family):
    model = build(family)
    _, cache = model.run_with_cache(TOKENS)
    written = authors(model, TOKENS)
    came = components(decompose, model)
    check_names(list(came.names), list(written))
    for name, value in zip(came.names, came.values, strict=True):
        mistakes = component_mistakes(name, model, written, cache)
        assert_close(value, written[name], f"`{name}` of the {family} model is wrong.", mistakes)
    last = cache["blocks.1.hook_resid_post"]
    assert_close(came.values.sum(0), last, "All components sum to the stream after the last block.")


@exercise("3.1")
def test_a_model_without_layers_has_embeddings_alone(decompose, build):
    model = build("attention-only", n_layers=0)
    came = components(decompose, model)
    check_names(list(came.names), ["embed", "pos_embed"])
    assert_close(came.values.sum(0), model.embed.W_E[TOKENS], "The stream is the embedding.")


@exercise("3.1")
def test_layers_above_nine_are_in_their_place(decompose, build):
    model = build("attention-only", n_layers=11, n_heads=2, n_kv_heads=1)
    check_names(list(components(decompose, model).names), list(authors(model, TOKENS)))
