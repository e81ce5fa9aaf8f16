"""A stop of the tour on made-up embeddings, where the truth is known."""

import re
from types import SimpleNamespace

import pytest
import torch

from docs._figures.look import LIGHT
from docs._figures.plotting import render
from docs._tour.directions import directions
from docs._tour.stops import Visit

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
