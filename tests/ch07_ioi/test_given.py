"""Test the given code for prompts: any tokenizer, corruptions, and errors before anything runs."""

import pytest
import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from .random_prompts import prompts_of_texts

pytestmark = pytest.mark.project


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def byte_tokenizer(impl):
    """Train a byte-level tokenizer, like GPT-2's, on the chapter's own words."""
    words = impl("ch07_ioi.sentences")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    known = [" ".join((*words.NAMES, *words.PLACES, *words.OBJECTS)), *words.FRAMES]
    text = [f" {one}" for one in known if not one.startswith("Last")] * 3
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(vocab_size=2000, show_progress=False))
    return tokenizer


@pytest.fixture(params=["words", "bytes"])
def any_tokenizer(request, tokenizer, byte_tokenizer):
    return {"words": tokenizer, "bytes": byte_tokenizer}[request.param]


def test_positions_decode_to_the_right_words(prompts, sentences, any_tokenizer):
    drawn = prompts.draw_prompts(any_tokenizer, 60, seeded())
    for b, row in enumerate(drawn.tokens):
        word_at = {
            role: any_tokenizer.decode([int(row[position[b]])]).strip()
            for role, position in drawn.positions._asdict().items()
        }
        io, s = (
            any_tokenizer.decode([int(name[b])]).strip() for name in (drawn.io_token, drawn.s_token)
        )
        assert {io, s} <= set(sentences.NAMES) and io != s
        assert (word_at["io"], word_at["s1"], word_at["s2"]) == (io, s, s)
        assert word_at["end"] == "to" and word_at["s1_next"] not in sentences.NAMES


def test_half_of_the_prompts_are_abba(prompts, any_tokenizer):
    drawn = prompts.draw_prompts(any_tokenizer, 40, seeded(1))
    io_first = drawn.positions.io < drawn.positions.s1
    assert io_first.sum() == 20 and torch.equal(io_first, drawn.abba)
    assert torch.equal(drawn.template % 2 == 0, drawn.abba), "both orders share a template"
    for order, abba in (("ABBA", True), ("BABA", False)):
        drawn = prompts.draw_prompts(any_tokenizer, 6, seeded(), order=order)
        assert bool((drawn.abba == abba).all())


def test_a_template_has_one_frame_and_one_order(prompts, tokenizer):
    drawn = prompts.draw_prompts(tokenizer, 400, seeded(2))
    for template in drawn.template.unique():
        same = drawn.select(drawn.template == template)
        for position in same.positions:
            assert len(position.unique()) == 1
        assert len(same.tokens[:, 0].unique()) == 1, "two frames share a template"


def test_abc_changes_three_words_and_no_length(prompts, counterfactuals, sentences, any_tokenizer):
    drawn = prompts.draw_prompts(any_tokenizer, 30, seeded(3))
    names = torch.tensor(list(prompts.single_tokens(any_tokenizer, sentences.NAMES).values()))
    corrupted = counterfactuals.abc_corruption(drawn, names, seeded(3))
    counterfactuals.check_prompt_pair(drawn, corrupted)
    texts = zip(drawn.texts(any_tokenizer), corrupted.texts(any_tokenizer), strict=True)
    for pair in texts:
        one, other = (text.replace(",", " ,").replace(".", " .").split() for text in pair)
        assert len(one) == len(other)
        assert sum(a != b for a, b in zip(one, other, strict=True)) == 3


def test_swapping_names_exchanges_the_answer_too(prompts, counterfactuals, tokenizer):
    text = "When Mary and John walked to the store , John gave a book to"
    swapped = "When John and Mary walked to the store , Mary gave a book to"
    source = prompts_of_texts(prompts, tokenizer, [text], [("Mary", "John")])
    actual = counterfactuals.swap_names(source)
    assert actual.texts(tokenizer) == [swapped]
    assert torch.equal(actual.io_token, source.s_token)
    assert torch.equal(actual.s_token, source.io_token)
    assert counterfactuals.swap_names(actual).texts(tokenizer) == [text]


@pytest.mark.parametrize("lengths", [[[1, 2, 3], [1, 2]], [[], []], []])
def test_prompts_of_unequal_length_raise(prompts, lengths):
    with pytest.raises(ValueError, match="expected prompts of one length"):
        prompts.stack_equal_lengths(lengths)


def test_names_of_several_tokens_raise_with_the_names(prompts, tokenizer):
    names = ["Mary", "John", "Tom", "Anna", "Mary-Ann", "Zebedee"]
    with pytest.raises(ValueError, match=r"names of one token.*\['Mary-Ann', 'Zebedee'\]"):
        prompts.draw_prompts(tokenizer, 4, seeded(), names=names)


@pytest.mark.parametrize("names", [[], ["Mary"], ["Mary", "John", "Tom"], ["Tom"] * 9])
def test_fewer_than_four_names_raise(prompts, tokenizer, names):
    with pytest.raises(ValueError, match="expected 4 or more names"):
        prompts.draw_prompts(tokenizer, 4, seeded(), names=names)


@pytest.mark.parametrize("n, order", [(0, "mixed"), (3, "mixed"), (-2, "ABBA"), (4, "ABAB")])
def test_impossible_draws_raise(prompts, n, order):
    with pytest.raises(ValueError, match=r"expected n of 1 or more|expected order"):
        prompts.check_draw(n, order)


def test_a_tokenizer_without_the_words_raises(prompts):
    foreign = Tokenizer(models.WordLevel({"?": 0, "der": 1, "die": 2}, unk_token="?"))
    foreign.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(ValueError, match="expected 4 or more names"):
        prompts.draw_prompts(foreign, 4, seeded())
    with pytest.raises(ValueError, match="with the words of at least one frame"):
        prompts.frames_of_equal_length(foreign)


def test_positions_need_io_once_and_s_twice(prompts):
    tokens, io, s = torch.tensor([[3, 1, 2, 2], [3, 1, 2, 4]]), *torch.tensor([[1, 1], [2, 2]])
    with pytest.raises(ValueError, match="got 1 and 1 times in prompt 1"):
        prompts.find_positions(tokens, io, s)


def test_prompts_that_are_not_a_pair_raise(prompts, counterfactuals, draw, names):
    drawn = draw(6, seed=1)
    corrupted = counterfactuals.abc_corruption(drawn, names, seeded())
    counterfactuals.check_prompt_pair(drawn, corrupted)
    half = torch.arange(6)[:, None] < 3
    same = corrupted._replace(tokens=torch.where(half, corrupted.tokens, drawn.tokens))
    moved = corrupted._replace(
        positions=corrupted.positions._replace(s2=corrupted.positions.s2 - 1)
    )
    other = corrupted.tokens.clone()
    other[4, -1] += 1
    for wrong, words in (
        (same, "3 of 6 equal, the first at index 3; a patch"),
        (moved, "with the same positions and templates"),
        (corrupted._replace(tokens=other), "another difference in prompt 4"),
        (corrupted.select(slice(0, 4)), "tokens of one shape"),
    ):
        with pytest.raises(ValueError, match=words):
            counterfactuals.check_prompt_pair(drawn, wrong)


def test_pools_without_enough_names_raise(counterfactuals, draw):
    drawn = draw(2, seed=1)
    own = torch.stack([drawn.io_token[0], drawn.s_token[0]])
    few = torch.cat([own, torch.tensor([90, 91])])
    for pool in (few, few[:0], torch.tensor([90, 91, 92, 90])):
        with pytest.raises(ValueError, match="expected a pool of different names"):
            counterfactuals.abc_corruption(drawn, pool, seeded())


@pytest.fixture(scope="module")
def spacing_tokenizer(impl):
    """Train a tokenizer that puts a space before every text, as Llama 2's, with a BOS template."""
    sentences = impl("ch07_ioi.sentences")
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    spaces = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    tokenizer.normalizer = normalizers.Sequence(spaces)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()])
    text = " ".join((*sentences.NAMES, *sentences.PLACES, *sentences.OBJECTS, *sentences.FRAMES))
    special = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=3000, show_progress=False, special_tokens=special)
    tokenizer.train_from_iterator(text.split() * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def test_a_tokenizer_that_adds_spaces_finds_names(prompts, sentences, spacing_tokenizer):
    found = prompts.single_tokens(spacing_tokenizer, sentences.NAMES)
    assert len(found) > 40
    drawn = prompts.draw_prompts(spacing_tokenizer, 20, seeded())
    for row, name, end in zip(drawn.tokens, drawn.io_token, drawn.positions.end):
        assert spacing_tokenizer.decode([int(name)]).strip() in sentences.NAMES
        assert spacing_tokenizer.decode([int(row[end])]).strip() == "to"


def test_a_start_token_is_an_option(prompts, spacing_tokenizer):
    plain = prompts.draw_prompts(spacing_tokenizer, 20, seeded())
    started = prompts.draw_prompts(spacing_tokenizer, 20, seeded(), special_tokens=True)
    assert (started.tokens[:, 0] == 1).all() and torch.equal(started.tokens[:, 1:], plain.tokens)
    for position, other in zip(started.positions, plain.positions, strict=True):
        assert torch.equal(position, other + 1)
    assert torch.equal(started.io_token, plain.io_token)


@pytest.mark.parametrize("template", [None, "<s> $A </s>"])
def test_other_templates_are_refused(prompts, spacing_tokenizer, template):
    tokenizer = Tokenizer.from_str(spacing_tokenizer.to_str())
    special = [("<s>", 1), ("</s>", 2)]
    tokenizer.post_processor = template and processors.TemplateProcessing(
        template, special_tokens=special
    )
    with pytest.raises(ValueError, match="adds tokens before a text and none after it"):
        prompts.draw_prompts(tokenizer, 2, seeded(), special_tokens=True)
