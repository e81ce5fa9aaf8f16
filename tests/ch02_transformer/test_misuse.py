"""Misuse (given code): a forward that fails half-way, and inputs that are refused by name."""

import copy
import inspect
import io
import math
from types import SimpleNamespace

import pytest
import torch

from tests.grading import tiny_models
from tests.grading.assertions import assert_close

pytestmark = pytest.mark.project
TOKENS = torch.randint(13, (2, 8), generator=torch.Generator().manual_seed(0))
ONE = torch.ones(1, dtype=torch.long)
POINTS = ["blocks.0.hook_resid_pre", "blocks.1.attn.hook_k", "blocks.1.hook_mlp_out"]
POINTS += ["ln_final.hook_normalized", "hook_embed"]


@pytest.fixture(params=["gpt2", "llama"])
def built(request, impl):
    return tiny_models.build(impl, request.param)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("point", POINTS)
def test_a_forward_that_fails_leaves_the_cache_as_it_was(built, kv_cache, point, error):
    past = kv_cache.KVCache(2)
    built(TOKENS[:, :5], past=past)

    def fail(*_):
        raise error

    with pytest.raises(error), built.hooks({point: fail}):
        built(TOKENS[:, 5:], past=past)
    assert past.length == 5
    claim = "The cache of 5 tokens must be as before the forward that failed."
    assert_close(built(TOKENS[:, 5:], past=past), built(TOKENS)[:, 5:], claim)


def test_a_cache_that_lacks_layers_is_refused(built, kv_cache):
    past = kv_cache.KVCache(2)
    built(TOKENS[:, :5], past=past, stop_at_layer=1)
    built(TOKENS[:, 5:6], past=past, stop_at_layer=1)
    with pytest.raises(ValueError, match="with 6 tokens in each layer"):
        built(TOKENS[:, 6:], past=past)
    with pytest.raises(ValueError, match="KV cache of 2 layers, as the model has, got 1"):
        built(TOKENS, past=kv_cache.KVCache(1))
    past = kv_cache.KVCache(2)
    built(TOKENS, past=past)
    with pytest.raises(ValueError, match="expected 2 prompts, as in the KV cache, got 1"):
        built(TOKENS[:1], past=past)


def test_a_model_without_layers_counts_positions(impl, kv_cache):
    model, past = tiny_models.build(impl, "gpt2", n_layers=0), kv_cache.KVCache(0)
    pieces = [model(piece, past=past) for piece in TOKENS.split(3, dim=1)]
    assert_close(torch.cat(pieces, dim=1), model(TOKENS), "Positions must go on.")


@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.bool, torch.int16, torch.int8, torch.float32, torch.uint16]
)
def test_other_types_than_whole_numbers_are_refused(impl, layers, dtype):
    tokens = torch.ones(2, 3).to(dtype)
    with pytest.raises(ValueError, match=r"type int64 as tokens, got torch.*tokens\.long"):
        impl("ch00_looking.checks").check_tokens(tokens, 13)


def test_int32_tokens_are_taken(built, impl):
    losses = impl("ch02_transformer.train").next_token_loss, impl("ch04_induction.scores")
    for loss in (losses[0], losses[1].token_losses):
        assert_close(loss(built(TOKENS), TOKENS.int()), loss(built(TOKENS), TOKENS), "The same.")
    assert_close(built(TOKENS.int()), built(TOKENS), "int32 tokens are the same tokens.")


def test_an_empty_prompt_is_refused(built, sample):
    with pytest.raises(ValueError, match="expected prompts of at least one token"):
        sample.generate(built, TOKENS[:, :0], 3)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64])
def test_a_hooks_result_gets_the_precision_of_the_activation(impl, dtype):
    built = tiny_models.build(impl, "llama").float()
    _, cache = built.run_with_cache(TOKENS)
    for name, x in cache.items():
        logits, after = None, {}
        with built.hooks({name: lambda x, _: x.nan_to_num(neginf=-100).to(dtype)}):
            logits, after = built.run_with_cache(TOKENS, names=name)
        assert logits.dtype == torch.float32 and after[name].dtype == x.dtype, name
    with (
        pytest.raises(ValueError, match="complex64"),
        built.hooks({"hook_embed": lambda x, _: x.to(torch.complex64)}),
    ):
        built(TOKENS)


def test_hooks_as_a_list_of_pairs_are_refused(built):
    pairs = [("hook_embed", lambda x, _: x)]
    hooks = getattr(type(built).hooks, "__wrapped__", type(built).hooks)
    while hasattr(hooks, "__wrapped__"):
        hooks = hooks.__wrapped__
    with pytest.raises(ValueError, match=r"hooks as a dict .* got a list; .*dict\(pairs\)"):
        next(hooks(built, pairs))


def test_gradients_in_inference_mode_are_refused(built):
    with torch.inference_mode(), pytest.raises(ValueError, match="outside of torch.inference_mode"):
        built.run_with_cache(TOKENS, gradients=True)


@pytest.mark.parametrize("family", ["gpt2", "llama", "attention-only"])
def test_a_model_survives_pickle_and_deepcopy(impl, family):
    model, file = tiny_models.build(impl, family), io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    for other in (torch.load(file, weights_only=False), copy.deepcopy(model)):
        assert_close(other(TOKENS), model(TOKENS), "The copy must compute the same.")


def test_printing_a_cache_is_short(built):
    _, cache = built.run_with_cache(TOKENS)
    assert len(repr(cache)) < 200 and "hook_embed [2, 8, 10]" in repr(cache)
    assert repr(built.run_with_cache(TOKENS, names=[])[1]) == "ActivationCache()"


@pytest.mark.parametrize("temperature", [1e-300, 1e-30, 1e-6, 1e-3])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_any_cold_temperature_is_greedy(sample, temperature, dtype):
    logits = torch.tensor([[1.0, 300.0, -50.0, 290.0]]).to(dtype)
    config = sample.SampleConfig(temperature, top_k=3, top_p=0.9)
    assert sample.next_token(logits, config, torch.Generator()).tolist() == [[1]]


MISUSED = {
    "a list of tokens": (
        lambda impl: impl("ch02_transformer.model").HookedTransformer.embed_tokens,
        lambda f, model: f(model, [[1, 2, 3]]),
        "expected tokens as a tensor, got a list",
    ),
    "None as a hook": (
        lambda impl: impl("ch02_transformer.hooks").hooks_at,
        lambda f, model: f("hook_embed", [None]),
        "expected a function or a list of functions as hook at 'hook_embed'",
    ),
    "a fraction of a token": (
        lambda impl: impl("ch02_transformer.sample").stream_tokens,
        lambda f, model: next(f(model, TOKENS, 1.5)),
        "expected n_new as a whole number from 0 on, got 1.5",
    ),
    "fewer than no tokens": (
        lambda impl: impl("ch02_transformer.sample").generate,
        lambda f, model: f(model, TOKENS, -1),
        "expected n_new as a whole number from 0 on, got -1",
    ),
    "every token forbidden": (
        lambda impl: impl("ch02_transformer.sample").next_token,
        lambda f, model: f(torch.full((1, 3), -math.inf), None, None),
        "expected a logit above -inf in each row",
    ),
    "a hook of one argument": (
        lambda impl: impl("ch02_transformer.hooks").hooks_at,
        lambda f, model: f("hook_embed", lambda x: x),
        "expected a hook of two arguments, hook(tensor, point), at 'hook_embed'",
    ),
    "texts of one token": (
        lambda impl: impl("ch02_transformer.train").next_token_loss,
        lambda f, model: f(model(TOKENS[:, :1]), TOKENS[:, :1]),
        "expected texts of at least two tokens, got tokens of shape [2, 1]",
    ),
    "no windows in a batch": (
        lambda impl: impl("ch02_transformer.train").TrainConfig.__post_init__,
        lambda f, model: f(SimpleNamespace(steps=1, batch_size=0)),
        "expected batch_size as an integer of at least 1, got 0",
    ),
    "a pattern from a KV cache": (
        lambda impl: impl("ch04_induction.scores").previous_token_score,
        lambda f, model: f(torch.ones(1, 2, 3, 8)),
        "with as many queries as keys, got [1, 2, 3, 8]",
    ),
    "a fourth wording": (
        lambda impl: impl("ch05_patching.fact_world").make_prompts,
        lambda f, model: f(None, ONE, ONE, ONE + 2, ONE[None]),
        "expected wordings in 0..2",
    ),
    "one row of W_out": (
        lambda impl: impl("ch05_patching.rome").with_edited_mlp,
        lambda f, model: f(model, 0, torch.zeros(1, 10)),
        "expected W_out of shape [7, 10], got [1, 10]",
    ),
    "the subject of one prompt for two": (
        lambda impl: impl("ch05_patching.tracing").corrupt_subject,
        lambda f, model: f(model, TOKENS, TOKENS[:1] >= 0, 1, torch.Generator()),
        "of the tokens' shape [2, 8], got torch.bool and [1, 8]",
    ),
    "corrupted entries of width 1": (
        lambda impl: impl("ch05_patching.tracing").causal_trace,
        lambda f, model: f(model, TOKENS, TOKENS[:, 0], torch.zeros(1, 2, 8, 1)),
        "expected corrupted_resid of shape [sample, 2, 8, 10]",
    ),
    "targets beyond the vocabulary": (
        lambda impl: impl("ch02_transformer.train").next_token_loss,
        lambda f, model: f(model(TOKENS), TOKENS + 13),
        "expected tokens in 0..12",
    ),
    "ignored targets": (
        lambda impl: impl("ch04_induction.scores").token_losses,
        lambda f, model: f(model(TOKENS), 0 * TOKENS - 100),
        "expected tokens in 0..12",
    ),
    "the logit of token -1": (
        lambda impl: impl("ch03_circuits.decompose").logit_direction,
        lambda f, model: f(model, 0 * TOKENS - 1),
        "expected tokens in 0..12",
    ),
    "uint8 as answers": (
        lambda impl: impl("ch05_patching.metrics").gather_answer,
        lambda f, model: f(model(TOKENS)[:, -1], torch.ones(2).byte()),
        "type int64 as answers, got torch.uint8",
    ),
    "answer -1 in the residual stream": (
        lambda impl: impl("ch05_patching.metrics").logit_diff_from_resid,
        lambda f, model: f(model, torch.tensor([-1, 2]), torch.tensor([3, 4])),
        "expected answers in 0..12",
    ),
    "names beyond the vocabulary": (
        lambda impl: impl("ch07_ioi.heads").in_top_k,
        lambda f, model: f(model(TOKENS)[:, -1], torch.tensor([1, 13])),
        "expected names in 0..12",
    ),
}


@pytest.mark.parametrize("name", MISUSED)
def test_a_misused_argument_is_named(impl, name):
    """`unwrap`: without the shape checks that only tests have."""
    function, call, words = MISUSED[name]
    model = tiny_models.build(impl, "gpt2")
    with pytest.raises(ValueError) as refused:
        call(inspect.unwrap(function(impl)), model)
    assert words in str(refused.value)


@pytest.mark.parametrize("temperature", [math.nan, math.inf, -1.0])
def test_a_temperature_must_be_a_number(sample, temperature):
    with pytest.raises(ValueError, match="expected temperature 0"):
        sample.SampleConfig(temperature)
