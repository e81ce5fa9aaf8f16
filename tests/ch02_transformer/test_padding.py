"""Padding (given code): with a mask every prompt gives what it gives alone."""

import inspect

import pytest
import torch

from tests.grading import module_fixture, tiny_models
from tests.grading.assertions import assert_close

pytestmark = [pytest.mark.project, pytest.mark.usefixtures("no_grad")]
padding = module_fixture("ch02_transformer.padding")
PROMPTS = [[3, 1, 4, 1, 5], [9, 2], [7], [0, 7, 8, 11, 10, 12, 4], [5, 5, 6]]
FAMILIES = ["gpt2", "llama", "parallel", "attention-only"]


@pytest.fixture
def no_grad():
    with torch.no_grad():
        yield


@pytest.fixture(params=FAMILIES)
def built(request, impl):
    return tiny_models.build(impl, request.param)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("names", [[], None])
def test_each_prompt_gives_its_own_activations(built, padding, side, names):
    """names: nothing cached is the fused attention, everything the explicit one."""
    tokens, mask = padding.pad_prompts(PROMPTS, side)
    assert tokens.shape == (5, 7) and mask.sum(dim=1).tolist() == [5, 2, 1, 7, 3]
    logits, cache = built.run_with_cache(tokens, names=names, mask=mask)
    for i, prompt in enumerate(PROMPTS):
        alone, expected = built.run_with_cache(torch.tensor([prompt]), names=names)
        assert_close(logits[i, mask[i]], alone[0], f"The logits of prompt {i} are not its own.")
        for name, x in cache.items():
            if name.endswith(("scores", "pattern")):
                actual = x[i][:, mask[i]][:, :, mask[i]]  # [head, query, key]
            else:
                actual = x[i, mask[i]]
            assert_close(actual, expected[name][0], f"{name} of prompt {i} is not its own.")
    assert logits.isfinite().all() and all(
        x.isfinite().all() for name, x in cache.items() if not name.endswith("scores")
    ), "what is at the padding must be finite, or it would spread"


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_last_token_is_each_prompts_own(built, padding, side):
    tokens, mask = padding.pad_prompts(PROMPTS, side)
    expected = torch.stack([built(torch.tensor([prompt]))[0, -1] for prompt in PROMPTS])
    assert_close(padding.last_token(built(tokens, mask=mask), mask), expected, "Not the last token")


@pytest.mark.parametrize("side", ["left", "right"])
def test_generation_continues_each_prompt(built, padding, sample, side):
    tokens, mask = padding.pad_prompts(PROMPTS, side)
    actual = sample.generate(built, tokens, 6, mask=mask)
    assert actual[:, :7].equal(tokens)
    for i, prompt in enumerate(PROMPTS):
        expected = sample.generate(built, torch.tensor([prompt]), 6)[0, len(prompt) :]
        assert actual[i, 7:].tolist() == expected.tolist(), f"prompt {i}, padded on the {side}"


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_kv_cache_keeps_the_mask(built, padding, kv_cache, side):
    tokens, mask = padding.pad_prompts(PROMPTS, side)
    more = torch.arange(15).reshape(5, 3) % 13
    past = kv_cache.KVCache(2)
    built(tokens, past=past, mask=mask)
    assert past.length.tolist() == [5, 2, 1, 7, 3]
    actual = built(more, past=past)
    for i, prompt in enumerate(PROMPTS):
        expected = built(torch.tensor([prompt + more[i].tolist()]))[0, -3:]
        assert_close(actual[i], expected, f"Prompt {i}, padded on the {side}, then 3 tokens.")


def test_a_mask_of_tokens_alone_changes_nothing(built):
    tokens = tiny_models.TOKENS
    for mask in (None, torch.ones_like(tokens, dtype=torch.bool)):
        assert_close(built(tokens, mask=mask), built(tokens), "A mask without padding matters.")


@pytest.mark.parametrize(
    "mask, words",
    [
        ([[True, False, True]], "expected one run of tokens"),
        ([[False, False, False]], "got 0 in prompt 0"),
        ([[1, 1, 1]], "expected a mask of type bool"),
        ([[True, True]], "of the tokens' shape"),
    ],
)
def test_other_masks_are_refused(padding, mask, words):
    with pytest.raises(ValueError, match=words):
        padding.check_mask.__wrapped__(torch.tensor(mask), torch.tensor([[1, 2, 3]]))


@pytest.mark.parametrize("prompts", [[], [[1], []]])
def test_empty_prompts_are_refused(padding, prompts):
    with pytest.raises(ValueError, match="at least one token each"):
        padding.pad_prompts(prompts)
    with pytest.raises(ValueError, match="expected side='left' or 'right', got 'centre'"):
        inspect.unwrap(padding.pad_prompts)([[1], [2, 3]], "centre")
    with pytest.raises(ValueError, match="of the tokens' shape .*, got a list"):
        inspect.unwrap(padding.check_mask)([[True]], torch.tensor([[1]]))
    with pytest.raises(ValueError, match="got 0 in prompt 0"):
        inspect.unwrap(padding.check_mask)(torch.ones(1, 0).bool(), torch.ones(1, 0).long())
    as_tensors = [torch.tensor(prompt) for prompt in PROMPTS]
    actual = inspect.unwrap(padding.pad_prompts)(as_tensors)
    assert torch.equal(actual.tokens, padding.pad_prompts(PROMPTS).tokens)


def test_keys_that_mix_positions_refuse_padding_and_caches(impl, padding, kv_cache, sample):
    sizes = impl("ch02_transformer.config").TransformerConfig(**tiny_models.SIZES)
    smeared = impl("ch04_induction.smeared").SMEARED
    model = impl("ch02_transformer.model").HookedTransformer(sizes, smeared)
    tokens, mask = padding.pad_prompts(PROMPTS)
    with pytest.raises(ValueError, match="mix neighboring positions"):
        model(tokens, mask=mask)
    with pytest.raises(ValueError, match="mix neighboring positions"):
        sample.generate(model, tokens, 2)
    assert sample.generate(model, tokens, 1).shape == (5, 8)
