"""The name-mover stop: which sentences are valid, and its measurements on a hand-set model."""

from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from docs._figures.lib.plotting import render
from docs._figures.lib.theme import LIGHT
from docs._tour.name_movers import class_of, classify, measure, name_movers
from docs._tour.sentence import SENTENCE, read_sentence, two_names
from docs._tour.stops import TourInput
from solutions.ch02_transformer import GPT2, HookedTransformer, TransformerConfig
from solutions.ch02_transformer.attention_only import NoNorm
from solutions.ch02_transformer.layers import Unembed
from solutions.ch05_patching import logit_diff_from_resid, path_patch
from solutions.ch07_ioi import abc_corruption
from solutions.ch07_ioi.heads import senders
from solutions.ch07_ioi.sentences import NAMES

WORDS = (*SENTENCE.replace(",", "").split(), "met", "waved", ".", "Zoe", *NAMES)


@pytest.fixture
def tokenizer():
    """One token per word, two for the name 'Zo-e'; a name at the start is another token."""
    vocabulary = {"Mary": 0, "\u2581Zo": 1, ",": 2, "?": 3, "e": 4}
    for word in WORDS:
        if word != "Zoe":
            vocabulary.setdefault("\u2581" + word, len(vocabulary))
    known = Tokenizer(models.WordPiece(vocabulary, unk_token="?", continuing_subword_prefix=""))
    known.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="never"), pre_tokenizers.Punctuation()]
    )
    known.decoder = decoders.Metaspace(prepend_scheme="never")
    return known


def tour_input(model, tokenizer, prompt):
    ids = tokenizer.encode(prompt).ids
    words = [tokenizer.decode([i]) for i in ids]
    return TourInput(model, tokenizer, prompt, torch.tensor([ids]), words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SENTENCE, ("Mary", "John")),
        ("On Monday Mary and John met. John waved to", ("Mary", "John")),
        ("John met Mary. John waved to", ("Mary", "John")),
        ("When Zora and Ugo met, Ugo waved to", ("Zora", "Ugo")),
    ],
)
def test_two_names_are_found_by_their_counts(text, expected):
    assert two_names(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the tall green ship", "expected two names, got none"),
        ("When Mary and John met, Paul waved to", "expected exactly one name that occurs twice"),
        ("When Mary met Mary and John met John", "expected exactly one name that occurs twice"),
        ("When John met, John waved to", "exactly one other name than John, once, got"),
        ("Then Mary, Paul and John met. John waved to", "exactly one other name than John"),
    ],
)
def test_invalid_names_raise_with_a_clear_message(text, words):
    with pytest.raises(ValueError, match=words):
        two_names(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" When Zoe and John met, John waved to", "got 'Zoe' with . tokens"),
        ("Mary waved to John. Then Mary handed a book to", "after a space"),
        (" When John met, John waved to Mary to", "expected Mary before the second John"),
        (" When Mary met John, then John", "expected text after the second John"),
    ],
)
def test_invalid_sentences_raise_with_a_clear_message(text, words, tokenizer):
    with pytest.raises(ValueError, match=words):
        read_sentence(text, tokenizer)


def test_positions_and_tokens_of_a_sentence(tokenizer):
    prompts = read_sentence(" " + SENTENCE + " ", tokenizer)
    text = prompts.tokens[0].tolist()
    assert [int(one) for one in prompts.positions] == [1, 3, 4, 9, 13]
    assert text[1] == int(prompts.io_token) and text[3] == text[9] == int(prompts.s_token)
    assert prompts.abba.tolist() == [True]


def hand_set_model(tokenizer):
    """Build one layer: head 0 copies the answer's name, head 1 the mean of all tokens."""
    size = tokenizer.get_vocab_size()
    sizes = TransformerConfig(
        n_layers=1, d_model=size + 20, n_heads=2, d_head=size + 20, d_mlp=0, d_vocab=size, n_ctx=20
    )
    model = HookedTransformer(sizes, replace(GPT2, norm=NoNorm, unembed=Unembed))
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.embed.W_E[:, :size] = torch.eye(size)
        model.pos_embed.load_state_dict({"W_pos": torch.eye(20, size + 20).roll(size, dims=1)})
        attn = model.blocks[0].attn
        attn.W_Q[0, size:, 0] = 1e4
        attn.W_K[0, size + 1, 0] = 1
        attn.W_V[:, :size, :size] = torch.eye(size)
        attn.W_O[:, :size, :size] = torch.eye(size)
        model.unembed.W_U[:size] = torch.eye(size)
    return model.requires_grad_(False)


def test_the_direct_effect_of_a_copying_head_is_exact(tokenizer):
    model = hand_set_model(tokenizer)
    clean = read_sentence(" " + SENTENCE, tokenizer)
    many = clean.select(torch.zeros(5, dtype=torch.long))
    pool = torch.tensor([tokenizer.token_to_id("\u2581" + name) for name in NAMES])
    found = measure(model, clean, abc_corruption(many, pool, torch.Generator().manual_seed(0)))
    # head 0 adds 1 to Mary; head 1 adds 1/14 for each of 14 tokens, two of which are John
    torch.testing.assert_close(found.direct, torch.tensor([[1.0], [-1 / 14]]).expand(2, 5))
    assert found.difference == pytest.approx(1 - 1 / 14) and found.counterfactual == pytest.approx(
        0
    )
    assert found.attention["io"].tolist() == pytest.approx([1, 1 / 14])
    assert found.attention["s"].tolist() == pytest.approx([0, 2 / 14])
    assert class_of(found, 0) == "name mover" and class_of(found, 1) == "unexplained"
    stop = name_movers(tour_input(model, tokenizer, " " + SENTENCE))
    assert (
        "which attend to Mary and increase its logit: 0.0\n" in stop.text
        and "unexplained: 0.1\n" in stop.text
    )
    assert render("stop", stop.draw, LIGHT, stop.size).startswith("<?xml")


def random_model(tokenizer):
    sizes = TransformerConfig(
        n_layers=3, d_model=12, n_heads=3, d_head=4, d_mlp=8, d_vocab=len(WORDS) + 9, n_ctx=40
    )
    torch.manual_seed(0)
    model = HookedTransformer(replace(sizes, d_vocab=tokenizer.get_vocab_size()))
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.4)
    return model.requires_grad_(False)


def test_direct_effects_are_those_of_path_patching(tokenizer):
    """The code that the stop shows gives the same effects."""
    model = random_model(tokenizer)
    clean = read_sentence(" " + SENTENCE, tokenizer)
    many = clean.select(torch.zeros(4, dtype=torch.long))
    pool = torch.tensor([tokenizer.token_to_id("\u2581" + name) for name in NAMES])
    counterfactuals = abc_corruption(many, pool, torch.Generator().manual_seed(0))
    found = measure(model, clean, counterfactuals)
    ways = senders(model, counterfactuals.positions.end)
    metric = logit_diff_from_resid(model, clean.io_token, clean.s_token)
    patched = path_patch(
        model, many.tokens, counterfactuals.tokens, ways, [], metric, mlps="frozen"
    )
    torch.testing.assert_close(found.direct, found.difference - patched, atol=1e-5, rtol=1e-4)


def test_an_invalid_prompt_falls_back_to_the_default_sentence(tokenizer):
    model = random_model(tokenizer)
    stop = name_movers(tour_input(model, tokenizer, " the store"))
    assert stop.text.startswith("Your prompt does not fit: expected two names")
    assert "Mary and John walked" in stop.text
    assert render("stop", stop.draw, LIGHT, stop.size).startswith("<?xml")


@pytest.mark.weights
def test_the_real_model_has_name_movers():
    from docs._tour.__main__ import load_input

    at = load_input(SENTENCE)
    clean = read_sentence(at.prompt, at.tokenizer)
    many = clean.select(torch.zeros(6, dtype=torch.long))
    pool = torch.tensor([at.tokenizer.encode(" " + name).ids[0] for name in NAMES])
    found = measure(at.model, clean, abc_corruption(many, pool, torch.Generator().manual_seed(1)))
    classes = classify(found, at.model.config.n_heads)
    assert found.difference > 2 > abs(found.counterfactual)
    assert (23, 0) in classes["name mover"]
    assert (23, 3) in classes["subject suppressor"]
