"""A model that finds opposites and synonyms in three languages, with hand-set weights.

A prompt is [operation, word], both in one language: the opposite, or a synonym, of the word.

    layer 0, at each token:   neurons for the concept, the operation and the language of the token
    layer 1, attention:       the word's position reads the operation
    layer 1, at the word:     neuron (concept, operation) writes RESULT, a meaning in no language
    layer 2, at the word:     neuron (result, language) writes the result's word in the language

Tokens of different languages share no direction; concepts, operations and results are shared by
all languages.
Axes of d_model: TOKEN, CONCEPT, OPERATION, LANGUAGE, MOVED, RESULT, WORD.
Source: the multilingual study of Lindsey et al. 2025.
"""

from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from toy_models.hand_set.blank import add_neuron, blank_model, blocks_of, move

N_LANGUAGES, N_CONCEPTS, N_OPERATIONS = 3, 8, 2
N_RESULTS = N_OPERATIONS * N_CONCEPTS
"""A plain word of each concept, then a second word of each: its synonym."""
PER_LANGUAGE = N_RESULTS + N_OPERATIONS
N_TOKENS = N_LANGUAGES * PER_LANGUAGE
TOKEN = slice(0, N_TOKENS)
CONCEPT = slice(TOKEN.stop, TOKEN.stop + N_CONCEPTS)
OPERATION = slice(CONCEPT.stop, CONCEPT.stop + N_OPERATIONS)
LANGUAGE = slice(OPERATION.stop, OPERATION.stop + N_LANGUAGES)
MOVED = slice(LANGUAGE.stop, LANGUAGE.stop + N_OPERATIONS)
RESULT = slice(MOVED.stop, MOVED.stop + N_RESULTS)
WORD = slice(RESULT.stop, RESULT.stop + N_LANGUAGES * N_RESULTS)
CONFIG = TransformerConfig(
    n_layers=3,
    d_model=WORD.stop,
    n_heads=1,
    d_head=N_OPERATIONS,
    d_mlp=N_LANGUAGES * N_RESULTS,
    d_vocab=N_TOKENS,
    n_ctx=2,
    activation="relu",
)
FIRST_UNIT = {"concept": 0, "operation": N_CONCEPTS, "language": N_CONCEPTS + N_OPERATIONS}
"""First neuron of each kind in layer 0."""


class Question(NamedTuple):
    """What a prompt asks."""

    concept: int
    """Meaning of the word. Concepts 2n and 2n + 1 are opposites."""
    operation: int
    """0 for the opposite, 1 for a synonym."""
    language: int
    """Language of both tokens."""


def word_token(result: int, language: int) -> int:
    """Return the token of a plain word (below N_CONCEPTS) or a synonym (from there on)."""
    return language * PER_LANGUAGE + result


def operation_token(operation: int, language: int) -> int:
    """Return the token that asks for an operation."""
    return language * PER_LANGUAGE + N_RESULTS + operation


def result_of(concept: int, operation: int) -> int:
    """Return the opposite's plain word, or the synonym, as a result."""
    return N_CONCEPTS + concept if operation else concept ^ 1


def answer_to(question: Question) -> int:
    """Return the token of the right answer."""
    return word_token(result_of(question.concept, question.operation), question.language)


def all_questions() -> list[Question]:
    """List all questions."""
    return [
        Question(concept, operation, language)
        for language in range(N_LANGUAGES)
        for operation in range(N_OPERATIONS)
        for concept in range(N_CONCEPTS)
    ]


def prompt(question: Question) -> Int[Tensor, "1 pos"]:
    """Return a question as tokens."""
    concept, operation, language = question
    return torch.tensor([[operation_token(operation, language), word_token(concept, language)]])


def axes(*places: int, value: float = 1.0) -> Tensor:
    """Make a vector of the residual stream with a value at some places."""
    made = torch.zeros(CONFIG.d_model, dtype=torch.float64)
    made[list(places)] = value
    return made


@torch.no_grad()
def language_model() -> HookedTransformer:
    """Build the model, in float64."""
    model = blank_model(CONFIG)
    model.embed.W_E[:, TOKEN] = torch.eye(N_TOKENS, dtype=torch.float64)
    first, second, third = blocks_of(model)
    languages = range(N_LANGUAGES)
    for concept in range(N_CONCEPTS):
        words = axes(*(word_token(concept, language) for language in languages))
        add_neuron(first, concept, words, 0.0, axes(CONCEPT.start + concept))
    for operation in range(N_OPERATIONS):
        asks = axes(*(operation_token(operation, language) for language in languages))
        unit = FIRST_UNIT["operation"] + operation
        add_neuron(first, unit, asks, 0.0, axes(OPERATION.start + operation))
    for language in languages:
        tokens = range(language * PER_LANGUAGE, (language + 1) * PER_LANGUAGE)
        unit = FIRST_UNIT["language"] + language
        add_neuron(first, unit, axes(*tokens), 0.0, axes(LANGUAGE.start + language))
    move(second, CONCEPT, OPERATION, OPERATION, MOVED)
    for operation in range(N_OPERATIONS):
        for concept in range(N_CONCEPTS):
            reads = axes(CONCEPT.start + concept, MOVED.start + operation)
            result = RESULT.start + result_of(concept, operation)
            add_neuron(second, operation * N_CONCEPTS + concept, reads, -1.0, axes(result))
    for language in languages:
        for result in range(N_RESULTS):
            unit = language * N_RESULTS + result
            reads = axes(RESULT.start + result, LANGUAGE.start + language)
            add_neuron(third, unit, reads, -1.0, axes(WORD.start + unit, value=8.0))
            model.unembed.W_U[WORD.start + unit, word_token(result, language)] = 1.0
    return model
