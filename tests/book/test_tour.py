"""Stops of the tour on made-up models, where the truth is known."""

import re
from types import SimpleNamespace

import pytest
import torch

from docs._figures.lib.plotting import render
from docs._figures.lib.theme import LIGHT
from docs._tour.directions import directions
from docs._tour.induction import SHORTEST, induction, read_twice
from docs._tour.stops import Visit
from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch04_induction import head_scores

VOCABULARY, WIDTH = 4000, 100
NAMES = {7: " ship", 8: " Ships", 9: " boat", 10: "12"}


@pytest.fixture
def visit():
    """Random directions around a common mean, and a boat beside the ship and its plural."""
    generator = torch.Generator().manual_seed(0)
    W_E = torch.randn(VOCABULARY, WIDTH, generator=generator)
    W_E[8], W_E[9] = 1.5 * W_E[7], W_E[7] + 0.5 * W_E[9]
    model = SimpleNamespace(embed=SimpleNamespace(W_E=W_E + 3))
    tokenizer = SimpleNamespace(decode=lambda ids: NAMES.get(ids[0], f"x{ids[0]}"))
    return Visit(model, tokenizer, " ship12", torch.tensor([[7, 10]]), [" ship", "12"])


def test_random_embeddings_look_like_the_control(visit):
    said = directions(visit).says
    of_tokens, of_chance = (int(share) for share in re.findall(r"(\d+)%", said))
    # Of two random directions in 100 dimensions, the cosine is within one standard deviation.
    assert abs(of_tokens - 68) <= 1 and abs(of_chance - 68) <= 1, said


def test_the_nearest_other_word_is_found_and_a_plural_is_the_same_word(visit):
    stop = directions(visit)
    cosine = re.search(r"ship – boat (0\.\d\d)", stop.says)
    assert cosine and abs(float(cosine[1]) - 1 / 1.25**0.5) < 0.1, stop.says
    assert "12" not in stop.says.split("Nearest on your prompt")[1].split(";")[0]
    assert render("stop", stop.draw, LIGHT, stop.size).startswith("<?xml")


def test_a_prompt_without_a_word_is_drawn_too(visit):
    stop = directions(visit._replace(tokens=torch.tensor([[10]]), words=["12"]))
    assert "no whole word" in stop.says and render("stop", stop.draw, LIGHT, stop.size)


def look_back(tokens, names):
    """Patterns of two heads: one looks at what came after its token the last time, one rests."""
    rests = torch.zeros(*tokens.shape, tokens.shape[1])
    rests[..., 0] = 1
    looks = rests.clone()
    for text, row in enumerate(tokens.tolist()):
        for query, token in enumerate(row):
            if token in row[:query]:
                key = query - row[:query][::-1].index(token)
                looks[text, query] = torch.eye(len(row))[key]
    return None, {"blocks.0.attn.hook_pattern": torch.stack([rests, looks], dim=1)}


@pytest.mark.parametrize("length", [SHORTEST + 3, 3])
def test_a_head_that_looks_for_what_came_next_is_found_and_controls_differ(length):
    model = SimpleNamespace(config=SimpleNamespace(d_vocab=VOCABULARY), run_with_cache=look_back)
    tokenizer = SimpleNamespace(decode=lambda ids: f"x{ids[0]}")
    words = [f"x{i}" for i in range(1, length + 1)]
    visit = Visit(model, tokenizer, "", torch.arange(1, length + 1)[None], words)
    stop, found = induction(visit), read_twice(visit).scores[:, 0]
    assert found.tolist() == [[0, 1], [0, 1], [0, 0]]
    assert "0.1 spends most" in stop.says
    assert ("random tokens after it" in stop.says) == (length < SHORTEST)
    assert render("stop", stop.draw, LIGHT, stop.size).startswith("<?xml")


def test_the_stop_scores_heads_as_the_chapter_does():
    """On a real pass of a random model; the line of code that the stop shows does the same."""
    sizes = TransformerConfig(
        n_layers=2, d_model=8, n_heads=2, d_head=4, d_mlp=0, d_vocab=99, n_ctx=40
    )
    model, tokens = HookedTransformer(sizes), torch.arange(1, 13)[None]
    visit = Visit(model, None, "", tokens, [str(i) for i in range(12)])
    ours = read_twice(visit).scores[0]
    text = torch.cat([torch.zeros(1, 1, dtype=torch.long), tokens.repeat(1, 2)], dim=1)
    torch.testing.assert_close(ours, head_scores(model, text, period=12, n_bos=1).prefix)
