"""Graders of path.py: what is held on the way, and what the receivers get."""

import pytest
import torch

from tests.ch05_patching import patching_reference
from tests.ch05_patching.patching_reference import CLEAN, CORRUPTED, Place, path_patched
from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal

FAMILIES = ["gpt2", "llama", "attention-only"]
SENDERS = [
    [Place("attn.hook_z", 0, 4)],
    [Place("attn.hook_z", 1, 2, position=4)],
    [Place("attn.hook_z", 0, 1, position=2), Place("attn.hook_z", 0, 5, position=2)],
    [Place("hook_resid_pre", 0)],
    [Place("attn.hook_z", 2, 3, position=4)],
]
RECEIVERS = [
    [Place("attn.hook_q", 2, 1, position=4)],
    [Place("attn.hook_k", 2, 1)],
    [Place("attn.hook_v", 1, 0), Place("attn.hook_v", 2, 1)],
    [Place("attn.hook_q", 1, 3, position=4), Place("attn.hook_q", 2, 2, position=4)],
]


def expected(model, layers, mlps):
    """The hook points that step C holds, spelt out."""
    names = {f"blocks.{layer}.attn.hook_z" for layer in range(layers)}
    if mlps == "frozen" and "blocks.0.hook_mlp_out" in model.hook_points():
        names |= {f"blocks.{layer}.hook_mlp_out" for layer in range(layers)}
    return names


@exercise("5.14")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mlps", ["recomputed", "frozen"])
@pytest.mark.parametrize("layers", [2, 12])
def test_every_z_is_held_and_mlps_when_they_are_frozen(path, build, family, mlps, layers):
    model = build(family, n_layers=layers)
    came, right = set(path.frozen_hook_names(model, mlps)), expected(model, layers, mlps)
    missing, more = sorted(right - came), sorted(came - right)
    words = [f"MLPs {mlps} in a {family} model of {layers} layers: step C holds {len(came)} hook "]
    words += [f"points, {len(right)} are expected."]
    if missing:
        words += [f" Missing: {missing[0]}."]
    if more:
        words += [f" Too many: {more[0]}."]
    other = "frozen" if mlps == "recomputed" else "recomputed"
    if (
        came == expected(model, layers, other)
        and set(path.frozen_hook_names(model, other)) == right
    ):
        words += [" MLPs are held exactly when they are to be recomputed: the other way round?"]
    elif any("mlp_out" in name for name in more):
        words += [" MLPs that are recomputed answer to the sender: nothing of theirs is held."]
    elif any("mlp_out" in name for name in missing):
        words += [" Frozen MLPs say what they say on the clean prompts: their output is held."]
    if any("pattern" in name for name in more):
        words += [
            " A held pattern still mixes values that the sender has changed: z is to be held."
        ]
    if any(name.endswith(("attn_out", "resid_mid", "resid_post", "resid_pre")) for name in more):
        words += [" What sums over heads holds the sender as well: z has each head by itself."]
    assert came == right, "".join(words)


@pytest.mark.project
def test_another_word_is_refused(path, build):
    with pytest.raises((ValueError, TypeError), match="thawed"):
        path.frozen_hook_names(build("gpt2"), "thawed")


@exercise("5.14")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mlps", ["recomputed", "frozen"])
def test_what_is_held_makes_the_direct_path(path, build, impl, family, mlps):
    model = build(family, n_layers=3)
    senders = [[place.site(impl) for place in sender] for sender in SENDERS]
    read = patching_reference.reader(model)
    came = path.path_patch(model, CLEAN, CORRUPTED, senders, [], read, mlps=mlps)
    runs = (CLEAN, CORRUPTED)

    def slow(sender, **options):
        return read(path_patched(model, runs, sender, [], **options)[None, :, -1])[0]

    right = torch.stack([slow(sender, frozen=mlps == "frozen") for sender in SENDERS])
    if is_close(came, right):
        return
    wrong = {
        "MLPs are frozen where they are to be recomputed, or the reverse.": torch.stack(
            [slow(sender, frozen=mlps != "frozen") for sender in SENDERS]
        )
    }
    claim = f"Paths from 5 senders to the logits, MLPs {mlps}, in a {family} model."
    assert_close(came, right, claim, {w: x for w, x in wrong.items() if not is_close(x, right)})


@pytest.fixture
def arrived(impl, path):
    """Three receivers and what arrived there from three senders, the last behind some of them."""
    Site = impl("ch02_transformer.sites").Site
    receivers = [
        Site("attn.hook_q", 2, head=1, position=4),
        Site("mlp.hook_pre", 1, position=(1, 3)),
        Site("attn.hook_v", 0, head=0),
    ]
    shapes = [(3, 2, 1, 1, 4), (2, 2, 2, 7), (0, 5, 10)]
    noted = [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    return receivers, noted


@exercise("5.15")
@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_receiver_gets_what_came_from_this_sender(path, arrived, number):
    receivers, noted = arrived
    reached = [i for i in range(3) if number < len(noted[i])]
    came = list(path.patch_receivers(noted, receivers, number))
    assert len(came) == len(reached), (
        f"From sender {number} something arrives at {len(reached)} of 3 receivers, but "
        f"{len(came)} interventions came. noted holds {[len(x) for x in noted]} senders: those "
        "behind a receiver are missing there, and then it gets nothing."
    )
    for i, one in zip(reached, came, strict=True):
        expected_site = receivers[i]
        assert one.site == expected_site, (
            f"The intervention is to be at {expected_site}, but stands at {one.site}. Each "
            "receiver gets its own, at its own place, in their order."
        )
        assert one.action == "replace" and one.value is not None, (
            f"What was noted is put in place of what is there, but the action is {one.action!r}."
        )
        wrong = {
            f"This is what came from sender {other}.": noted[i][other]
            for other in range(len(noted[i]))
            if other != number
        }
        wrong["This is what came from all senders at once: one of them is meant."] = noted[i]
        wrong["This is the mean over senders: one of them is meant."] = noted[i].mean(0)
        wrong["This is the sum over senders: one of them is meant."] = noted[i].sum(0)
        assert_close(
            one.value,
            noted[i][number],
            f"The value for {one.site.name} and sender {number} of {len(noted[i])}.",
            {w: x for w, x in wrong.items() if not is_close(x, noted[i][number])},
        )


@exercise("5.15")
def test_without_receivers_there_is_nothing_to_put(path):
    assert list(path.patch_receivers([], [], 0)) == [], (
        "No receivers: no interventions are expected."
    )


def given(receivers, sides):
    """Receivers of another side, where a mistake puts what was noted."""
    return [place._replace(hook=place.hook.replace(*sides)) for place in receivers]


@exercise("5.15")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("receivers", RECEIVERS, ids=["q", "k", "v", "two-q"])
def test_a_path_from_sender_to_receiver_is_what_four_forwards_say(
    path, build, impl, family, receivers
):
    model = build(family, n_layers=3)
    read = patching_reference.reader(model)
    senders = [[place.site(impl) for place in sender] for sender in SENDERS]
    sites = [place.site(impl) for place in receivers]
    came = path.path_patch(model, CLEAN, CORRUPTED, senders, sites, read)

    def slow(change=lambda number: number):
        rows = [
            path_patched(model, (CLEAN, CORRUPTED), SENDERS[change(i)], receivers)
            for i in range(len(SENDERS))
        ]
        return torch.stack([read(end[None, :, -1])[0] for end in rows])

    right = slow()
    if is_close(came, right):
        return
    wrong = {
        "Every sender has the first one's message.": slow(lambda _: 0),
        "Senders are counted backwards.": slow(lambda i: len(SENDERS) - 1 - i),
        "Nothing arrives: this is the clean run.": read(model(CLEAN, stop_at_layer=3)[None, :, -1])
        .expand(len(SENDERS), -1)
        .clone(),
    }
    claim = f"Paths from 5 senders to {[place.name for place in receivers]} in a {family} model."
    assert_close(came, right, claim, {w: x for w, x in wrong.items() if not is_close(x, right)})
