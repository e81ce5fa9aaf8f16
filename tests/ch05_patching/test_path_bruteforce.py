"""Graders of path_bruteforce.py: what each branch of the tree is asked."""

import pytest
import torch

from tests.ch05_patching.patching_reference import Place, path_patched
from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close

CLEAN = torch.tensor([[3, 1, 4], [9, 2, 6]])
CORRUPTED = torch.tensor([[8, 1, 2], [5, 7, 6]])
RECEIVERS = frozenset({(2, 1, "q"), (1, 0, "v"), (1, 0, "mlp")})
PLAIN = ("clean", "corrupted", "receivers_patched")
SMALL = dict(n_heads=2, n_kv_heads=1, d_model=6, d_head=4, d_mlp=5)


def tree(path_bruteforce, model=None, receivers=RECEIVERS, through_mlps=True, sender=(1, 2)):
    """A ComputationTree on short prompts; without a model only its answers can be asked for."""
    return path_bruteforce.ComputationTree(
        model, CLEAN, CORRUPTED, sender, frozenset(receivers), through_mlps
    )


@pytest.fixture
def asks(path_bruteforce, build):
    """A ComputationTree of a small model whose answers are looked at one by one."""
    return lambda **options: tree(path_bruteforce, build("gpt2"), **options)


@exercise("5.13")
@pytest.mark.parametrize("request_", PLAIN)
def test_heads_that_are_not_asked_on_the_way_answer_as_they_are_asked(asks, request_):
    for layer, head in ((0, 0), (1, 2), (1, 1), (2, 1)):
        came = asks().run_of_head(layer, head, request_)
        assert came == request_, (
            f"Head {layer}.{head} is asked {request_!r} and must answer just so, but answers "
            f"{came!r}. Only 'sender_patched' is special: the sender speaks up between it and the "
            "receivers, nowhere else (the sender is 1.2)."
        )


@exercise("5.13")
def test_only_the_sender_is_corrupted_when_asked(asks):
    came = asks().run_of_head(1, 2, "sender_patched")
    assert came == "corrupted", (
        f"The sender, head 1.2, is 'sender_patched' and must answer 'corrupted': this is its message. It "
        f"answers {came!r}."
    )
    for layer, head in ((0, 0), (0, 2), (1, 1), (2, 1), (2, 2)):
        came = asks().run_of_head(layer, head, "sender_patched")
        words = {
            "sender_patched": "It passes the question on: then paths through other heads count, but other "
            "heads are held.",
            "corrupted": "It is corrupted too: are layer AND head compared with the sender's?",
        }
        assert came == "clean", (
            f"Head {layer}.{head} is 'sender_patched' but is not the sender (1.2): it is held at 'clean'. "
            f"It answers {came!r}. {words.get(came, '')}"
        )


@exercise("5.13")
@pytest.mark.parametrize("request_", [*PLAIN, "sender_patched"])
@pytest.mark.parametrize("through_mlps", [True, False])
def test_an_mlp_passes_the_question_on_or_is_clean(asks, request_, through_mlps):
    came = asks(through_mlps=through_mlps).run_of_mlp(request_)
    right = "clean" if request_ == "sender_patched" and not through_mlps else request_
    words = "MLPs are recomputed" if through_mlps else "MLPs are frozen"
    if request_ != "sender_patched":
        words += ", which matters between sender and receivers alone"
    elif came != right:
        words += ": frozen ones are clean, recomputed ones ask on. Is it the other way round here?"
    assert came == right, (
        f"through_mlps={through_mlps}: an MLP asked {request_!r} must answer {right!r}, not "
        f"{came!r}. {words}."
    )


@exercise("5.13")
def test_receivers_ask_for_the_message(asks):
    for reader in sorted(RECEIVERS):
        came = asks().run_of_input(reader, "receivers_patched")
        assert came == "sender_patched", (
            f"{reader} is a receiver: asked 'receivers_patched' it asks everything before it what it would "
            f"hear from the sender ('sender_patched'), but it asks {came!r}."
        )


@exercise("5.13")
@pytest.mark.parametrize(
    "reader", [(2, 1, "k"), (2, 1, "v"), (2, 0, "q"), (1, 1, "v"), (2, 0, "mlp"), (0, 0, "mlp")]
)
def test_parts_that_are_no_receivers_pass_the_question_on(asks, reader):
    came = asks().run_of_input(reader, "receivers_patched")
    assert came == "receivers_patched", (
        f"{reader} is no receiver (those are {sorted(RECEIVERS)}): asked 'receivers_patched' it asks "
        f"'receivers_patched', since a receiver may stand before it. It asks {came!r}. "
        "Layer, number and side (q, k, v or mlp) must all agree."
    )


@exercise("5.13")
@pytest.mark.parametrize("request_", ["clean", "corrupted", "sender_patched"])
def test_a_receiver_is_special_onward_only(asks, request_):
    for reader in [*sorted(RECEIVERS), (0, 1, "q")]:
        came = asks().run_of_input(reader, request_)
        assert came == request_, (
            f"{reader} is asked {request_!r} and must ask the same, but asks {came!r}. Receivers "
            "matter to an 'receivers_patched' question alone: in the clean and corrupted runs they are parts "
            "like others, and on the way to receivers ('sender_patched') there are none."
        )


WHOLE = [
    ((0, 0), []),
    ((1, 1), []),
    ((0, 1), [(1, 0, "q")]),
    ((0, 1), [(1, 0, "k")]),
    ((0, 0), [(1, 0, "v")]),
    ((0, 1), [(1, 0, "mlp")]),
    ((0, 0), [(1, 1, "q"), (1, 0, "v"), (0, 0, "mlp")]),
]


def places(sender, receivers):
    """The same as hook points for the slow path patching."""
    hooks = {"q": "attn.hook_q", "k": "attn.hook_k", "v": "attn.hook_v"}
    readers = [
        Place("ln2.hook_normalized", layer)
        if kind == "mlp"
        else Place(hooks[kind], layer, head=head)
        for layer, head, kind in receivers
    ]
    return [Place("attn.hook_z", sender[0], head=sender[1])], readers


@exercise("5.13")
@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("through_mlps", [True, False], ids=["recomputed", "frozen"])
@pytest.mark.parametrize("sender, receivers", WHOLE)
def test_the_whole_tree_says_what_four_forwards_say(
    path_bruteforce, build, family, through_mlps, sender, receivers
):
    model = build(family, **SMALL)
    came = tree(path_bruteforce, model, receivers, through_mlps, sender).logits()
    ends = places(sender, receivers)
    runs = (CLEAN, CORRUPTED)
    right = model.unembed_resid(path_patched(model, runs, *ends, frozen=not through_mlps))
    words = "recomputed" if through_mlps else "frozen"
    claim = (
        f"Path patching from head {sender} to {receivers or 'the logits'}, MLPs {words}, in a "
        f"{family} model of two layers and two heads: logits."
    )
    wrong = {
        "These are the clean run's logits: nobody asks for the message.": model(CLEAN),
        "These are the corrupted run's logits.": model(CORRUPTED),
        "MLPs on the way are frozen where they are to be recomputed, or the reverse.": (
            model.unembed_resid(path_patched(model, runs, *ends, frozen=through_mlps))
        ),
    }
    assert_close(came, right, claim, {w: x for w, x in wrong.items() if not is_close(x, right)})
