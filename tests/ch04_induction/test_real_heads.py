"""A number of page 4b about the real model, measured again."""

import pytest
import torch

pytestmark = [pytest.mark.project, pytest.mark.slow, pytest.mark.weights]
BEST = [(18, 6), (17, 5), (17, 4), (17, 3)]
"""The four heads with the highest prefix-matching score."""


@torch.no_grad()
def test_one_previous_token_head_costs_more_than_four_others(impl, scores, ablate):
    model, _ = impl("ch02_transformer").load_pretrained("smollm2-135m")
    repeated_segments = impl("ch04_induction.texts").repeated_segments
    expected = ((1.286, 4.143, 5.874), (0.826, 4.909, 6.689), (1.133, 3.929, 5.695))
    for seed, of_page in enumerate(expected):
        generator = torch.Generator().manual_seed(seed)
        tokens = 1000 + repeated_segments(39_000, 3, 25, 3, generator)
        losses = [
            scores.token_losses(ablate.full_ablation(model, tokens, heads), tokens)
            for heads in ([], BEST, [(16, 0)])
        ]
        actual = [of[:, 49:].mean().item() for of in losses]  # the last of three repeats
        assert actual == pytest.approx(of_page, abs=0.02)
        assert actual[0] < actual[1] < actual[2]
