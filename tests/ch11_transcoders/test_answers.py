"""Graders of answers.toml (11.16, 11.17): latents are switched, and answers read off the model."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.own_case import case_seed, read_numbers

CLEAR = 5.0
"""Logits by which an answer must lead."""


@pytest.fixture
def opened(answers, own_two_hop, request):
    def opened(number):
        values = answers("ch11_transcoders", number)
        return own_two_hop.open_two_hop(case_seed(request, values, number)), values

    return opened


def led_by(logits, answers):
    """Whether each row's answer leads clearly."""
    others = logits.scatter(1, answers[:, None], -torch.inf).amax(dim=1)
    return logits.gather(1, answers[:, None])[:, 0] > others + CLEAR


def every_question(module):
    return torch.cat([module.questions_of(city) for city in range(module.N_CITIES)])


@exercise("11.16")
def test_the_carriers_alone_answer_every_question(opened, own_two_hop):
    own, values = opened("11.16")
    n = own.transcoder.d_sae
    carriers = read_numbers(values, "carriers", n, "latents")
    tokens = every_question(own_two_hop)
    right = own_two_hop.answer_logits(own, tokens).argmax(dim=1)
    others = [latent for latent in range(n) if latent not in carriers]
    kept = led_by(own_two_hop.answer_logits(own, tokens, off=others), right)
    lost = sorted(set(tokens[~kept][:, 0].tolist()))
    assert kept.all(), (
        f"carriers: with your latents alone, questions about the cities {lost} are lost; a latent "
        "that they need is missing."
    )


@exercise("11.16")
def test_each_carrier_is_needed(opened, own_two_hop):
    own, values = opened("11.16")
    tokens = every_question(own_two_hop)
    logits = own_two_hop.answer_logits(own, tokens)
    for latent in read_numbers(values, "carriers", own.transcoder.d_sae, "latents"):
        without = own_two_hop.answer_logits(own, tokens, off=[latent])
        changed = (without - logits).abs().max().item()
        assert changed > 1e-3, f"carriers: without latent {latent} no answer's logit changes."


@exercise("11.17")
def test_the_swap_gives_the_other_citys_answers(opened, own_two_hop):
    own, values = opened("11.17")
    n = own.transcoder.d_sae
    off, on = (read_numbers(values, key, n, "latents") for key in ("off", "on"))
    first, second = own.asked
    wanted = own_two_hop.answer_logits(own, own_two_hop.questions_of(second)).argmax(dim=1)

    def switched(off, on):
        return led_by(own_two_hop.answer_logits(own, questions, off=off, on=on), wanted)

    questions = own_two_hop.questions_of(first)
    assert switched(off, on).all(), (
        f"off, on: {int(switched(off, on).sum())} of {len(wanted)} questions about city {first} "
        f"get the answers of city {second} clearly; expected all."
    )
    for key, latents in (("off", off), ("on", on)):
        for latent in latents:
            left = [other for other in latents if other != latent]
            spare = switched(left, on) if key == "off" else switched(off, left)
            assert not spare.all(), f"{key}: the swap works without latent {latent} too."
