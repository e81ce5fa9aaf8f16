"""Generation (given code): token by token from a cache, as whole forwards would."""

import inspect
from dataclasses import replace

import pytest
import torch

from tests.grading.assertions import assert_close, normal, randomise

pytestmark = pytest.mark.project
PROMPT = torch.tensor([[3, 1, 4, 1], [9, 2, 6, 5]])
N_NEW = 5


@pytest.fixture(params=["GPT2", "LLAMA"])
def built(request, config, model, layers):
    """A model of that family, every parameter random, in float64; seed 0 makes varied text."""
    sizes = config.TransformerConfig(
        n_layers=2, d_model=8, n_heads=6, d_head=4, d_mlp=9, d_vocab=11, n_ctx=8, n_kv_heads=3
    )
    parts = replace(getattr(model, request.param), unembed=layers.Unembed)
    return randomise(model.HookedTransformer(sizes, parts), seed=0)


@torch.no_grad()
def naive(model, tokens: torch.Tensor, n_new: int) -> torch.Tensor:
    """Greedy: a whole forward for each new token, no cache."""
    for _ in range(n_new):
        tokens = torch.cat([tokens, model(tokens)[:, -1].argmax(dim=-1, keepdim=True)], dim=1)
    return tokens


@pytest.mark.parametrize("sizes", [(4, 1, 1, 1), (1, 3, 2), (7,)])
@torch.no_grad()
def test_cached_logits_equal_those_of_a_whole_forward(built, kv_cache, sizes):
    tokens = torch.randint(11, (2, sum(sizes)), generator=torch.Generator().manual_seed(1))
    past = kv_cache.KVCache(built.config.n_layers)
    pieces = [built(piece, past=past) for piece in tokens.split(sizes, dim=1)]
    assert_close(
        torch.cat(pieces, dim=1),
        built(tokens),
        "Tokens in pieces must give the logits of all at once.",
    )
    assert past.length == sum(sizes)


def test_greedy_tokens_are_those_of_a_naive_loop(built, sample):
    actual = sample.generate(built, PROMPT, N_NEW)
    assert actual.tolist() == naive(built, PROMPT, N_NEW).tolist()
    assert len(actual[:, 4:].unique()) >= 3, "the text should vary, or this test shows little"


def test_greedy_tokens_agree_under_hooks(built, sample):
    """Hooks that treat all positions alike act on a cached forward as on a whole one."""
    mlp, z = normal(8, seed=4), "blocks.1.attn.hook_z"

    def without_head_2(x, point):
        x[:, :, 2] = 0

    hooks = {"blocks.0.hook_mlp_out": lambda x, _: 3 * x + mlp, z: without_head_2}
    plain = sample.generate(built, PROMPT, N_NEW)
    with built.hooks(hooks):
        actual, expected = sample.generate(built, PROMPT, N_NEW), naive(built, PROMPT, N_NEW)
    assert actual.tolist() == expected.tolist()
    assert actual.tolist() != plain.tolist(), "the hooks should matter"
    assert sample.generate(built, PROMPT, N_NEW).tolist() == plain.tolist()


def test_hooks_see_the_prompt_once_and_then_single_positions(built, sample):
    lengths = []

    def note(x, _):
        lengths.append(x.shape[1])

    with built.hooks({"blocks.0.hook_resid_pre": note}):
        tokens = sample.stream_tokens(built, PROMPT, N_NEW)
        assert inspect.isgenerator(tokens) and lengths == [], (
            "nothing may run before the first next()"
        )
        first = next(tokens)
        assert lengths == [4], f"the first token needs the prompt alone: {lengths}"
        rest = list(tokens)
    assert lengths == [4, 1, 1, 1, 1]
    actual = torch.cat([PROMPT, first, *rest], dim=1)
    assert actual.tolist() == sample.generate(built, PROMPT, N_NEW).tolist()


def test_tokens_beyond_the_context_raise(built, sample):
    assert sample.generate(built, PROMPT, 5).shape == (2, 9), "n_ctx=8: the ninth is never read"
    with pytest.raises(
        ValueError, match="at most n_ctx=8 tokens, got 4 of the prompt and 6 new ones"
    ):
        sample.generate(built, PROMPT, 6)
    with pytest.raises(ValueError, match="n_ctx=8"):
        next(sample.stream_tokens(built, torch.zeros(1, 9, dtype=torch.long), 1))


def test_zero_new_tokens_give_the_prompt(built, sample):
    assert sample.generate(built, PROMPT, 0).tolist() == PROMPT.tolist()


def test_no_gradient_is_kept(built, sample):
    seen = []
    with built.hooks({"ln_final.hook_normalized": lambda x, _: seen.append(x.requires_grad)}):
        sample.generate(built, PROMPT, 2)
    assert seen == [False, False]


@pytest.mark.parametrize(
    "options, words",
    [
        ({"temperature": -0.1}, "expected temperature 0"),
        ({"top_k": 0}, "expected top_k of at least 1"),
        ({"top_k": -3}, "expected top_k of at least 1"),
        ({"top_p": 0.0}, "expected top_p in"),
        ({"top_p": 1.5}, "expected top_p in"),
        ({"top_p": -1.0}, "expected top_p in"),
    ],
)
def test_invalid_settings_raise(sample, options, words):
    with pytest.raises(ValueError, match=words):
        sample.SampleConfig(**options)


def test_equal_seeds_draw_equal_texts(built, sample):
    def draw(seed):
        return sample.generate(built, PROMPT, 5, sample.SampleConfig(temperature=5.0, seed=seed))

    torch.manual_seed(0)
    first = draw(1).tolist()
    torch.manual_seed(1)
    assert draw(1).tolist() == first, "only the seed of the config may matter"
    assert any(draw(seed).tolist() != first for seed in range(2, 6))


@pytest.mark.parametrize("options", [{"top_k": 1}, {"top_p": 1e-9}, {"temperature": 1e-4}])
def test_narrow_choices_are_greedy(built, sample, options):
    config = sample.SampleConfig(**{"temperature": 2.0} | options)
    greedy = sample.generate(built, PROMPT, N_NEW).tolist()
    assert sample.generate(built, PROMPT, N_NEW, config).tolist() == greedy


@pytest.mark.parametrize(
    "options, weights",
    [
        ({}, [1, 2, 3, 4]),
        ({"temperature": 0.5}, [1, 4, 9, 16]),
        ({"top_k": 2}, [0, 0, 3, 4]),
        ({"top_p": 0.71}, [0, 2, 3, 4]),
        ({"top_k": 3, "top_p": 0.5}, [0, 0, 3, 4]),
    ],
)
def test_tokens_are_drawn_with_their_probabilities(sample, options, weights):
    n = 20_000
    logits = torch.tensor([1.0, 2.0, 3.0, 4.0]).log().expand(n, 4)
    config = sample.SampleConfig(**{"temperature": 1.0} | options)
    tokens = sample.next_token(logits, config, torch.Generator().manual_seed(2))
    share = tokens.flatten().bincount(minlength=4) / n
    expected = torch.tensor(weights) / sum(weights)
    error = (expected * (1 - expected) / n).sqrt()
    assert ((share - expected).abs() <= 4 * error).all(), f"{share.tolist()}"
