"""The given code of chapter 7: prompts for any tokenizer, and what is refused before all else."""

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from .random_prompts import written

pytestmark = pytest.mark.project


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def bytewise(impl):
    """A byte-level tokenizer trained on the chapter's own words, as GPT-2's is made."""
    words = impl("ch07_ioi.sentences")
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    known = [" ".join((*words.NAMES, *words.PLACES, *words.OBJECTS)), *words.FRAMES]
    text = [f" {one}" for one in known if not one.startswith("Last")] * 3
    made.train_from_iterator(text, trainers.BpeTrainer(vocab_size=2000, show_progress=False))
    return made


@pytest.fixture(params=["words", "bytes"])
def any_tokenizer(request, tokenizer, bytewise):
    return {"words": tokenizer, "bytes": bytewise}[request.param]


def test_positions_decode_to_the_right_words(prompts, sentences, any_tokenizer):
    drawn = prompts.draw_prompts(any_tokenizer, 60, seeded())
    for b, row in enumerate(drawn.tokens):
        said = {
            role: any_tokenizer.decode([int(row[place[b]])]).strip()
            for role, place in drawn.positions._asdict().items()
        }
        io, s = (
            any_tokenizer.decode([int(name[b])]).strip() for name in (drawn.io_token, drawn.s_token)
        )
        assert {io, s} <= set(sentences.NAMES) and io != s
        assert (said["io"], said["s1"], said["s2"]) == (io, s, s)
        assert (said["end"], said["s1_next"] in sentences.NAMES) == ("to", False)


def test_half_are_abba_and_half_baba(prompts, any_tokenizer):
    drawn = prompts.draw_prompts(any_tokenizer, 40, seeded(1))
    first = drawn.positions.io < drawn.positions.s1
    assert first.sum() == 20 and torch.equal(first, drawn.abba)
    assert torch.equal(drawn.template % 2 == 0, drawn.abba), "an order shares a group with another"
    for order, abba in (("ABBA", True), ("BABA", False)):
        assert bool(
            (prompts.draw_prompts(any_tokenizer, 6, seeded(), order=order).abba == abba).all()
        )


def test_a_group_has_one_frame_and_one_order(prompts, tokenizer):
    drawn = prompts.draw_prompts(tokenizer, 400, seeded(2))
    for group in drawn.template.unique():
        same = drawn.select(drawn.template == group)
        for places in same.positions:
            assert len(places.unique()) == 1
        assert len(same.tokens[:, 0].unique()) == 1, "two frames share a group"


def test_abc_keeps_length_and_words(prompts, counterfactuals, sentences, any_tokenizer):
    drawn = prompts.draw_prompts(any_tokenizer, 30, seeded(3))
    names = torch.tensor(list(prompts.single_tokens(any_tokenizer, sentences.NAMES).values()))
    partner = counterfactuals.abc_corruption(drawn, names, seeded(3))
    counterfactuals.check_prompt_pair(drawn, partner)
    for one, other in zip(drawn.texts(any_tokenizer), partner.texts(any_tokenizer), strict=True):
        one, other = (text.replace(",", " ,").replace(".", " .").split() for text in (one, other))
        assert len(one) == len(other)
        assert sum(a != b for a, b in zip(one, other, strict=True)) == 3


def test_mirror_images_exchange_the_names_and_the_answer(prompts, counterfactuals, tokenizer):
    text = "When Mary and John walked to the store , John gave a book to"
    image = "When John and Mary walked to the store , Mary gave a book to"
    source = written(prompts, tokenizer, [text], [("Mary", "John")])
    came = counterfactuals.swap_names(source)
    assert came.texts(tokenizer) == [image]
    assert torch.equal(came.io_token, source.s_token) and torch.equal(came.s_token, source.io_token)
    again = counterfactuals.swap_names(came)
    assert again.texts(tokenizer) == [text]


@pytest.mark.parametrize("lengths", [[[1, 2, 3], [1, 2]], [[], []], []])
def test_prompts_of_unequal_length_are_refused(prompts, lengths):
    with pytest.raises(ValueError, match="prompts must be equally long"):
        prompts.stack_equal_lengths(lengths)


def test_names_of_several_tokens_are_refused_by_name(prompts, tokenizer):
    names = ["Mary", "John", "Tom", "Anna", "Mary-Ann", "Zebedee"]
    with pytest.raises(ValueError, match=r"must be one token.*\['Mary-Ann', 'Zebedee'\]"):
        prompts.draw_prompts(tokenizer, 4, seeded(), names=names)


@pytest.mark.parametrize("names", [[], ["Mary"], ["Mary", "John", "Tom"], ["Tom"] * 9])
def test_too_few_names_are_refused(prompts, tokenizer, names):
    with pytest.raises(ValueError, match="expected 4 names or more"):
        prompts.draw_prompts(tokenizer, 4, seeded(), names=names)


@pytest.mark.parametrize("n, order", [(0, "mixed"), (3, "mixed"), (-2, "ABBA"), (4, "ABAB")])
def test_draws_that_cannot_be_are_refused(prompts, tokenizer, n, order):
    with pytest.raises(ValueError, match=r"n is 1 or more|order is"):
        prompts.draw_prompts(tokenizer, n, seeded(), order=order)


def test_a_tokenizer_of_other_words_is_refused(prompts):
    foreign = Tokenizer(models.WordLevel({"?": 0, "der": 1, "die": 2}, unk_token="?"))
    foreign.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(ValueError, match="expected 4 names or more"):
        prompts.draw_prompts(foreign, 4, seeded())
    with pytest.raises(ValueError, match="knows the words of no frame"):
        prompts.frames_of_equal_length(foreign)


def test_prompts_with_other_counts_of_names_have_no_positions(prompts):
    tokens, io, s = torch.tensor([[3, 1, 2, 2], [3, 1, 2, 4]]), *torch.tensor([[1, 1], [2, 2]])
    with pytest.raises(ValueError, match="in prompt 1 they stand 1 and 1 times"):
        prompts.find_positions(tokens, io, s)


def test_pairs_that_are_no_pairs_are_refused(prompts, counterfactuals, draw, names):
    drawn = draw(6, seed=1)
    partner = counterfactuals.abc_corruption(drawn, names, seeded())
    counterfactuals.check_prompt_pair(drawn, partner)
    half = torch.arange(6)[:, None] < 3
    same = partner._replace(tokens=torch.where(half, partner.tokens, drawn.tokens))
    moved = partner._replace(positions=partner.positions._replace(s2=partner.positions.s2 - 1))
    other = partner.tokens.clone()
    other[4, -1] += 1
    for wrong, words in (
        (same, "prompt 3 is equal in both: there is nothing to patch"),
        (moved, "must share their positions"),
        (partner._replace(tokens=other), "prompt 4 differs at a place other than"),
        (partner.select(slice(0, 4)), "must have one shape"),
    ):
        with pytest.raises(ValueError, match=words):
            counterfactuals.check_prompt_pair(drawn, wrong)


def test_pools_without_enough_names_are_refused(counterfactuals, draw):
    drawn = draw(2, seed=1)
    own = torch.stack([drawn.io_token[0], drawn.s_token[0]])
    few = torch.cat([own, torch.tensor([90, 91])])
    for pool in (few, few[:0], torch.tensor([90, 91, 92, 90])):
        with pytest.raises(ValueError, match="expected a pool of different names"):
            counterfactuals.abc_corruption(drawn, pool, seeded())
    with pytest.raises(ValueError, match="token is one of"):
        counterfactuals.name_corruption(drawn, "swapped", "original", few, seeded())
