"""Graders of edit: the part at a site is taken, acted on and put back, in place."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal
from tests.grading.tiny_models import TOKENS

OTHER = torch.tensor([[2, 1, 4, 7, 6], [9, 3, 6, 0, 1], [5, 7, 12, 11, 2]])
BATCH, POS, HEADS, D = 3, 6, 4, 5
ACTS = {
    "zero": lambda part, new: 0 * part,
    "replace": lambda part, new: new,
    "add": lambda part, new: part + new,
    "scale": lambda part, new: part * new,
}
PLACES = {
    "one": (2, [[2]] * 3),
    "the last": (-1, [[5]] * 3),
    "two": ((4, 1), [[4, 1]] * 3),
    "an own one each": (((0,), (-2,), (5,)), [[0], [4], [5]]),
    "all": (None, [list(range(POS))] * 3),
}


def changed(x, rows, heads, action, new):
    """x with every place of every head acted on, one after the other."""
    out = x.clone()
    for example, row in enumerate(rows):
        for i, place in enumerate(row):
            for j, head in enumerate(heads):
                at = (example, place) if head is None else (example, place, head)
                operand = new[example, i] if head is None else new[example, i, j]
                out[at] = ACTS[action](x[at], operand)
    return out


def mistakes(x, rows, heads, action, new):
    """Words -> what the usual mistakes give."""
    every = [list(range(x.shape[1]))] * len(x)
    spread = new[:, :1].expand(-1, x.shape[1], *new.shape[2:])
    mirrored = [[x.shape[1] - 1 - place for place in row] for row in rows]
    once = changed(x, rows, heads, action, new)
    words = {
        "Nothing is changed: is it done on a copy that is thrown away?": x,
        "It is done at EVERY position, not at those of the site.": (
            changed(x, every, heads, action, spread)
        ),
        "Positions are counted from the wrong end.": changed(x, mirrored, heads, action, new),
        "It is done twice.": changed(once, rows, heads, action, new),
        "The operand is averaged over positions: each place has its own.": (
            changed(x, rows, heads, action, new.mean(1, keepdim=True).expand_as(new))
        ),
    }
    for other in ACTS:
        if other != action:
            words[
                f"This is {other}, where {action} is asked for: OPERATIONS knows them by name."
            ] = changed(x, rows, heads, other, new)
    if heads[0] is not None:
        whole = changed(x, rows, range(x.shape[2]), action, new[:, :, :1].expand(-1, -1, HEADS, -1))
        words["All heads are changed, not those of the site alone."] = whole
    # Where a mistake happens to be right, it explains nothing.
    return {text: value for text, value in words.items() if not is_close(value, once)}


def do(interventions, x, point, intervention, start=0, runs=None):
    """What edit gives, and what it left in x; a wrong index is told in the exercise's terms."""
    copy = x.clone()
    try:
        came = interventions.edit_activation(copy, point, intervention, runs or {}, start)
    except IndexError as error:
        pytest.fail(
            f"{error}: `where` counts positions of the text, of which x holds those from {start} on"
        )
    words = "That is the shape of the part: put it back into x, and return x."
    assert came.shape == x.shape, f"{list(x.shape)} is expected, {list(came.shape)} came. {words}"
    return came, copy


@exercise("5.1")
@pytest.mark.parametrize("action", ACTS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("head", [None, 2, (3, 1)])
def test_the_part_is_acted_on_and_put_back(interventions, Site, impl, action, place, head):
    position, rows = PLACES[place]
    x = normal(BATCH, POS, HEADS, D, seed=1)
    heads = {None: range(HEADS), 2: [2]}.get(head, head)
    new = normal(BATCH, len(rows[0]), len(heads), D, seed=2)
    site = Site("attn.hook_z", 1, head=head, position=position)
    value = None if action == "zero" else new
    point = impl("ch02_transformer.hooks").HookPoint()
    came, left = do(interventions, x, point, interventions.Intervention(site, action, value))
    right = changed(x, rows, heads, action, new)
    claim = f"{action} at head {head}, position {position} of [batch, pos, head, d_head] is wrong."
    assert_close(
        came, right, claim, {} if is_close(came, right) else mistakes(x, rows, heads, action, new)
    )
    words = "edit works in place: x itself must be changed, because a sweep gives it parts of x."
    assert_close(left, right, words, {"x is left as it was.": x})


@exercise("5.1")
@pytest.mark.parametrize("start, position, rows", [(2, 4, [[2]] * 3), (3, -1, [[5]] * 3)])
def test_x_holds_the_positions_from_the_start_on(interventions, Site, impl, start, position, rows):
    x, new = normal(BATCH, POS, D, seed=3), normal(BATCH, 1, D, seed=4)
    site = Site("hook_resid_pre", 0, position=position)
    point = impl("ch02_transformer.hooks").HookPoint()
    came, _ = do(interventions, x, point, interventions.Intervention.put(site, new), start)
    right = changed(x, rows, [None], "replace", new)
    text = [[place + start for place in row] for row in rows]
    words = {}
    if text[0][0] < POS:
        words["`where` counts positions of the text, but x begins at `start`: where - start."] = (
            changed(x, text, [None], "replace", new)
        )
    claim = f"x holds positions {start} to {start + POS - 1}, and position {position} is replaced."
    assert_close(came, right, claim, words | mistakes(x, rows, [None], "replace", new))


@exercise("5.1")
def test_directions_are_changed_and_the_rest_stays(interventions, Site, impl):
    x, new = normal(BATCH, POS, D, seed=5), normal(BATCH, 1, 2, seed=6)
    basis = torch.linalg.qr(normal(D, 2, seed=7))[0].T
    site = Site("hook_resid_mid", 1, position=3).along(basis)
    point = impl("ch02_transformer.hooks").HookPoint()
    came, _ = do(interventions, x, point, interventions.Intervention.put(site, new))
    right = x.clone()
    for example in range(BATCH):
        for row, coordinate in zip(basis, new[example, 0], strict=True):
            right[example, 3] += (coordinate - x[example, 3] @ row) * row
    lost = x.clone()
    lost[:, 3] = new[:, 0] @ basis
    claim = "Coordinates along two directions are replaced at position 3."
    words = {
        "Nothing is changed.": x,
        "What is orthogonal to the directions is lost: let site.put write them.": lost,
    }
    assert_close(came, right, claim, words)


@exercise("5.1")
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_stream_patched_everywhere_is_the_other_run(
    activation, interventions, Site, build, family
):
    model = build(family, n_layers=3)
    here, there = model(TOKENS), model(OTHER)
    for layer in range(3):
        change = interventions.Intervention.patch(Site("hook_resid_pre", layer), "other")
        came = activation.run_with_interventions(model, TOKENS, [change], {"other": OTHER})
        words = {"This is the run as it was: the patch did nothing.": here}
        assert_close(
            came, there, f"The whole stream before layer {layer} is the other run's.", words
        )
        came = activation.run_with_interventions(model, TOKENS, [change], {"other": TOKENS})
        claim = "A patch from the same prompts changes nothing."
        assert_close(came, here, claim, {"Added instead of replaced?": 2 * here})
    last = interventions.Intervention.patch(Site("hook_resid_post", 2, position=-1), "other")
    came = activation.run_with_interventions(model, TOKENS, [last], {"other": OTHER})
    right = torch.cat([here[:, :-1], there[:, -1:]], dim=1)
    words = {
        "It is done at EVERY position.": there,
        "The FIRST position is changed: positions are counted from the wrong end.": torch.cat(
            [there[:, :1], here[:, 1:]], dim=1
        ),
    }
    assert_close(came, right, "Behind the last layer, at the last position only.", words)


@exercise("5.1")
def test_heads_and_patterns_of_one_example_each_at_its_own_place(
    activation, interventions, Site, build
):
    model = build("llama", n_layers=2)
    place = (1, 4, 2)
    rows = tuple((p,) for p in place)
    _, cache = model.run_with_cache(OTHER)

    def by_hand(x, point):
        for text, p in enumerate(place):
            at = (text, 3, p) if point.name.endswith("pattern") else (text, p, 3)
            x[at] = cache[point.name][at]

    for hook in ("attn.hook_pattern", "attn.hook_z", "attn.hook_q"):
        site = Site(hook, 1, head=3, position=rows)
        change = interventions.Intervention.patch(site, "other")
        came = activation.run_with_interventions(model, TOKENS, [change], {"other": OTHER})
        right = model.run_with_hooks(TOKENS, hooks={site.name: by_hand})
        claim = f"Head 3's {hook} at positions 1, 4 and 2 of three texts, from other texts."
        assert_close(came, right, claim, {"Nothing is changed.": model(TOKENS)})
