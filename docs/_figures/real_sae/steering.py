"""Clamp latents of sae_smollm2 and measure whether the text changes as their labels state.

Labels and their words are in labels.json, which was written from contexts alone. For each label:

- effect: change of log P(one of its words) at the end of prompts that have nothing to do with it;
- share: part of the words that the model writes which are words of the label;
- price: rise of the loss on held-out text.

Controls have the same length as the change that the clamp makes: random directions, and decoder
rows of other labelled latents (shuffled decoder).
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from tokenizers import Tokenizer
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer
from solutions.ch02_transformer.sample import SampleConfig, generate
from solutions.ch02_transformer.sites import Site
from solutions.ch05_patching import Intervention, apply_interventions
from solutions.ch05_patching.interventions import Action
from solutions.ch05_patching.interventions_in_generation import apply_while_generating
from solutions.ch08_saes import AbstractSAE, feature_site, splice
from toy_models.sae_smollm2.train import HOOK, LAYER

PROMPTS = (
    "The next morning my neighbour told me about the",
    "When I opened the old box I found a",
    "She sat down at the table and began to",
    "The report that was published last week is about",
    "We walked through the town and looked at the",
    "At the end of the long letter he wrote:",
    "Everyone in the room was waiting for the",
    "My favourite thing about the weekend was the",
    "The first chapter of the book begins with a",
    "After dinner they talked for hours about their",
    "On the wall of the kitchen hangs a picture",
    "The children asked their teacher to explain the",
)
N_TOKENS = 8
"""Tokens of each prompt that are used, so that all have the same length."""
STRENGTHS = (1.0, 2.0, 4.0)
"""Multiples of the largest activation on text."""
WRITING_STRENGTH, N_WRITTEN, WRITING_PROMPTS = 2.0, 16, (0, 1, 4, 8)
N_DRAWS, SEED = 3, 0
"""Texts that are written after each prompt, and the seed of their draws."""


class Label(NamedTuple):
    """What a latent is said to stand for."""

    latent: int
    """Its index."""
    text: str
    """The label."""
    words: list[str]
    """Words that the label predicts."""


class Change(NamedTuple):
    """A change of the residual stream at all positions but the first."""

    kind: str
    """clamp, random or shuffled."""
    latent: int
    """The latent that is clamped, or that a control is as long as."""
    target: float
    """Its activation after the clamp."""
    vector: Float[Tensor, " d_model"] | None = None
    """What a control adds; None for a clamp."""

    def edits(self, n_pos: int) -> list[Intervention]:
        """Return two interventions: on a prompt of n_pos tokens, and on the tokens after it."""
        if self.vector is None:
            site, value = feature_site(HOOK, self.latent), torch.tensor(self.target)
        else:
            site, value = Site("hook_resid_post", LAYER), self.vector
        action: Action = "replace" if self.vector is None else "add"
        prompt = replace(site, position=tuple(range(1, n_pos)))
        return [
            Intervention(prompt, action, value=value, during="prompt"),
            Intervention(site, action, value=value, during="generated"),
        ]


def controls(
    sae: AbstractSAE, label: Label, others: Sequence[Label], target: float, n: int
) -> Iterator[Change]:
    """Yield 2 n controls, each as long as the clamp of a latent that was at zero."""
    length = target * sae.W_dec[label.latent].norm()
    generator = torch.Generator().manual_seed(label.latent)
    for _ in range(n):
        direction = torch.randn(sae.d_in, generator=generator)
        yield Change("random", label.latent, target, length * F.normalize(direction, dim=0))
    rest = [other.latent for other in others if other.latent != label.latent]
    for place in torch.randperm(len(rest), generator=generator)[:n].tolist():
        row = F.normalize(sae.W_dec[rest[place]], dim=0)
        yield Change("shuffled", label.latent, target, length * row)


@contextmanager
def applied(
    model: HookedTransformer, sae: AbstractSAE, change: Change | None, n_pos: int, writing: bool
) -> Iterator[None]:
    """Apply a change in a `with` block: to one forward, or to a prompt and what is written after.

    The splice keeps its error term, so that nothing but the change differs from the model.
    """
    with ExitStack() as stack:
        if change is not None:
            stack.enter_context(splice(model, {HOOK: sae}))
            prompt, generated = change.edits(n_pos)
            if writing:
                stack.enter_context(apply_while_generating(model, [prompt, generated]))
            else:
                stack.enter_context(apply_interventions(model, [prompt]))
        yield


class Bench(NamedTuple):
    """The model, the SAE, and what changes are measured on."""

    model: HookedTransformer
    """The real model."""
    tokenizer: Tokenizer
    """Its tokenizer."""
    sae: AbstractSAE
    """The dictionary."""
    labels: list[Label]
    """The labelled latents."""
    prompts: Int[Tensor, "prompt pos"]
    """The prompts, all of the same length."""
    before: Float[Tensor, "prompt pos d_model"]
    """The residual stream before the SAE's block, on the prompts."""
    windows: Int[Tensor, "window pos"]
    """Held-out text, to measure the price on."""
    windows_before: Float[Tensor, "window pos d_model"]
    """The same on held-out text."""

    @torch.no_grad()
    def word_log_probs(self, change: Change | None) -> Float[Tensor, "prompt label"]:
        """Compute log P(one of a label's words) after each prompt, for every label."""
        with applied(self.model, self.sae, change, self.prompts.shape[1], writing=False):
            resid = self.model.run_blocks(self.before, start=LAYER)[:, -1:]
        log_probs = self.model.unembed_resid(resid)[:, 0].log_softmax(dim=-1)
        found = [
            log_probs[:, word_tokens(self.tokenizer, label.words)].logsumexp(dim=-1)
            for label in self.labels
        ]
        return torch.stack(found, dim=1)

    @torch.no_grad()
    def loss(self, change: Change | None) -> Float[Tensor, " window"]:
        """Compute the loss of each held-out window, in nats per token."""
        with applied(self.model, self.sae, change, self.windows.shape[1], writing=False):
            resid = self.model.run_blocks(self.windows_before, start=LAYER)
        logits = self.model.unembed_resid(resid)[:, :-1]
        losses = F.cross_entropy(
            logits.flatten(0, 1), self.windows[:, 1:].flatten(), reduction="none"
        )
        return losses.unflatten(0, (len(self.windows), -1)).mean(dim=1)

    def write(self, change: Change | None) -> list[str]:
        """Write N_DRAWS texts after each of WRITING_PROMPTS, at temperature 1."""
        prompts = self.prompts[list(WRITING_PROMPTS)].repeat(N_DRAWS, 1)
        config = SampleConfig(temperature=1.0, seed=SEED)
        with applied(self.model, self.sae, change, prompts.shape[1], writing=True):
            written = generate(self.model, prompts, N_WRITTEN, config)
        return [self.tokenizer.decode(row.tolist()) for row in written[:, prompts.shape[1] :]]


def word_tokens(tokenizer: Tokenizer, words: Sequence[str]) -> list[int]:
    """Return the tokens of words after a space, as they are and capitalised, that are one token."""
    forms = [f" {form}" for word in words for form in (word, word.capitalize())]
    found = {tuple(tokenizer.encode(form).ids) for form in forms}
    return sorted(ids[0] for ids in found if len(ids) == 1)


def share_of_words(texts: Sequence[str], words: Sequence[str]) -> Float[Tensor, " text"]:
    """Compute the share of each text's words that are in a list; 0 where there are none."""
    wanted = {word.lower() for word in words}
    found = [re.findall(r"[a-z]+", text.lower()) for text in texts]
    return torch.tensor([sum(word in wanted for word in own) / max(1, len(own)) for own in found])
