"""Tour stops on synthetic models with known answers."""

import re
from types import SimpleNamespace

import pytest
import torch

from docs._figures.lib.plotting import render
from docs._figures.lib.theme import LIGHT
from docs._tour.directions import directions
from docs._tour.induction import SHORTEST, induction, run_repeated
from docs._tour.stops import TourInput
from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch04_induction import head_scores

VOCABULARY, WIDTH = 4000, 100
NAMES = {7: " ship", 8: " Ships", 9: " boat", 10: "12"}


@pytest.fixture
def source():
    """Random directions around a common mean; ' boat' is near ' ship' and its plural."""
    generator = torch.Generator().manual_seed(0)
    W_E = torch.randn(VOCABULARY, WIDTH, generator=generator)
    W_E[8], W_E[9] = 1.5 * W_E[7], W_E[7] + 0.5 * W_E[9]
    model = SimpleNamespace(embed=SimpleNamespace(W_E=W_E + 3))
    tokenizer = SimpleNamespace(decode=lambda ids: NAMES.get(ids[0], f"x{ids[0]}"))
    return TourInput(model, tokenizer, " ship12", torch.tensor([[7, 10]]), [" ship", "12"])


def test_random_embeddings_look_like_the_control(source):
    text = directions(source).text
    of_tokens, of_chance = (int(share) for share in re.findall(r"(\d+)%", text))
    # In 100 dimensions, 0.1 is one standard deviation of the cosine of two random directions.
    assert abs(of_tokens - 68) <= 1 and abs(of_chance - 68) <= 1, text


def test_the_nearest_word_is_not_the_plural(source):
    stop = directions(source)
    cosine = re.search(r"ship – boat (0\.\d\d)", stop.text)
    assert cosine and abs(float(cosine[1]) - 1 / 1.25**0.5) < 0.1, stop.text
    assert "12" not in stop.text.split("Nearest on your prompt")[1].split(";")[0]
    assert render("stop", stop.draw, LIGHT, stop.size).startswith("<?xml")


def test_a_prompt_without_words_is_drawn(source):
    stop = directions(source._replace(tokens=torch.tensor([[10]]), words=["12"]))
    assert "no whole word" in stop.text and render("stop", stop.draw, LIGHT, stop.size)


def look_back(tokens, names):
    """Return the patterns of two heads: head 0 attends to position 0, head 1 does induction."""
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
def test_the_induction_head_is_found_and_the_controls_differ(length):
    model = SimpleNamespace(config=SimpleNamespace(d_vocab=VOCABULARY), run_with_cache=look_back)
    tokenizer = SimpleNamespace(decode=lambda ids: f"x{ids[0]}")
    words = [f"x{i}" for i in range(1, length + 1)]
    source = TourInput(model, tokenizer, "", torch.arange(1, length + 1)[None], words)
    stop, found = induction(source), run_repeated(source).scores[:, 0]
    assert found.tolist() == [[0, 1], [0, 1], [0, 0]]
    assert "0.1 attends most" in stop.text
    assert ("random tokens after it" in stop.text) == (length < SHORTEST)
    assert render("stop", stop.draw, LIGHT, stop.size).startswith("<?xml")


def test_scores_are_those_of_chapter_4():
    """The code that the stop shows gives the same scores on a random model."""
    sizes = TransformerConfig(
        n_layers=2, d_model=8, n_heads=2, d_head=4, d_mlp=0, d_vocab=99, n_ctx=40
    )
    model, tokens = HookedTransformer(sizes), torch.arange(1, 13)[None]
    source = TourInput(model, None, "", tokens, [str(i) for i in range(12)])
    ours = run_repeated(source).scores[0]
    text = torch.cat([torch.zeros(1, 1, dtype=torch.long), tokens.repeat(1, 2)], dim=1)
    torch.testing.assert_close(ours, head_scores(model, text, period=12, n_bos=1).prefix)
