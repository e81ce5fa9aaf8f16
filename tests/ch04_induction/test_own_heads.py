"""Graders of answers.toml (4.13, 4.15) and of from_scratch.py (4.14): heads are ablated."""

import itertools

import pytest
import torch

import toy_models
from tests.grading import exercise
from tests.grading.once import once
from tests.grading.own_case import REFERENCE, case_seed, seed_of
from toy_models.impostors import own_induction

from .own_heads import MATCHES, Repeats, check_working, written
from .test_answers import read_head

PERIOD, FIRST = 20, 17
"""Tokens of a segment, and the first layer with heads that 4.16 asks about."""
NOTHING, SOMETHING = 1e-3, 0.05
"""Largest change of a logit without a pair that cancels, and the least without one of the two."""


@pytest.fixture
def opened(impl):
    """Open a learner's own model on texts of its own: `opened(seed)`."""
    load = impl("ch02_transformer").load_pretrained
    return lambda seed: Repeats(load(own_induction(seed))[0], 3_000_000_019 + seed)


@pytest.fixture
def claims(answers, opened, request):
    """Read one list of heads of one layer, with the learner's model; anything else fails."""

    def read(number, key, layer):
        values = answers("ch04_induction", number)
        trial = opened(case_seed(request, values, number))
        value, n_heads = values[key], trial.sizes[1]
        heads = [read_head(one) for one in value] if isinstance(value, list) else [None]
        fits = heads and None not in heads and len(set(heads)) == len(heads)
        assert fits and all(x == layer and 0 <= h < n_heads for x, h in heads), (
            f'{key}: expected different heads of layer {layer}, such as ["{layer}.{n_heads - 1}"], '
            f"got {value!r}."
        )
        return trial, sorted(heads)

    return read


@exercise("4.13")
@pytest.mark.parametrize("key, layer", [("induction_heads", 1), ("previous_token_heads", 0)])
def test_the_named_heads_are_those_that_work(claims, key, layer):
    trial, heads = claims("4.13", key, layer)
    check_working(trial, heads, layer, key)


@exercise("4.15")
@pytest.mark.parametrize("layer", [0, 1])
def test_the_named_heads_cancel(claims, layer):
    trial, heads = claims("4.15", f"layer_{layer}", layer)
    clean = trial.logits([])

    def change(removed):
        return (trial.logits(removed) - clean).abs().max().item()

    assert len(heads) == 2, f"layer_{layer}: expected two heads, got {len(heads)}."
    for head in heads:
        assert change([head]) > SOMETHING, (
            f"layer_{layer}: without {written([head])} alone no logit changes by more than "
            f"{SOMETHING}; expected a head that writes something."
        )
    assert change(heads) < NOTHING, (
        f"layer_{layer}: without {written(heads)} a logit changes by {change(heads):.2f}; expected "
        "two heads whose outputs cancel."
    )


@torch.no_grad()
def real_costs(impl, seed, gone):
    """Return what it costs to remove late heads once some are gone, as a function of the heads.

    The cost is the increase of the loss in a third repeat of new texts.
    """
    load = impl("ch02_transformer").load_pretrained
    model, _ = once("smollm2-135m", lambda: load("smollm2-135m"))
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(3, 20_000, generator=generator).argsort(dim=1)
    tokens = 1000 + order[:, :PERIOD].repeat(1, 3)
    resids = {FIRST: model(tokens, stop_at_layer=FIRST)}

    @torch.no_grad()
    def loss(removed, start):
        def cut(z, point):
            for layer, head in removed:
                if point.name == f"blocks.{layer}.attn.hook_z":
                    z[:, :, head] = 0.0

        with model.hooks({f"blocks.{layer}.attn.hook_z": cut for layer, _ in removed}):
            resid = model.run_blocks(resids[start], start)
        logits = model.unembed_resid(resid[:, -PERIOD - 1 : -1])
        return -logits.log_softmax(-1).gather(-1, tokens[:, -PERIOD:, None]).mean().item()

    def keep(x, point):
        resids[int(point.name.split(".")[1])] = x

    names = [f"blocks.{layer}.hook_resid_pre" for layer in range(FIRST, len(model.blocks))]
    with model.observing(names, keep):
        base = loss(gone, FIRST)
    return lambda heads: loss([*gone, *heads], min(layer for layer, _ in heads)) - base


@pytest.fixture
def after_removal(answers, impl, request):
    """Read the two heads of 4.16, with the learner's seed; anything else fails."""
    values, module = answers("ch04_induction", "4.16"), impl("ch04_induction.from_scratch")
    seed = case_seed(request, values, "4.16")
    gone, value = module.removed_heads(seed), values["two_heads"]
    claim = sorted({read_head(one) for one in value}, key=str) if isinstance(value, list) else []
    fits = len(claim) == 2 and None not in claim
    assert fits and all(FIRST <= x < 30 and 0 <= h < 9 for x, h in claim), (
        f"two_heads: expected two heads of layers {FIRST} to 29, got {value!r}."
    )
    return seed, claim, gone, module.STRONG


@exercise("4.16")
def test_two_other_heads_are_named(after_removal):
    _, claim, gone, _ = after_removal
    again = set(claim) & set(gone)
    assert not again, f"two_heads: {written(again)} is one of the three that are gone already."


@exercise("4.16")
@pytest.mark.weights
@pytest.mark.heavy
def test_the_two_heads_cost_most_once_three_are_gone(after_removal, impl):
    seed, claim, gone, strong = after_removal
    cost = real_costs(impl, 4_000_000_007 + seed, gone)
    together, alone = cost(claim), [cost([head]) for head in claim]
    assert together > max(alone) + 0.2, (
        f"two_heads: {written(claim)} cost {together:.2f} nats together, and one of them alone "
        f"{max(alone):.2f}: the other is not needed."
    )
    generator = torch.Generator().manual_seed(seed)
    late = [(x, h) for x in range(FIRST, 30) for h in range(9)]
    late = [head for head in late if head not in (*gone, *claim)]
    drawn = [torch.randperm(len(late), generator=generator)[:2].tolist() for _ in range(10)]
    chance = max(cost([late[i] for i in pair]) for pair in drawn)
    assert together > max(chance, 1.0), (
        f"two_heads: {written(claim)} cost {together:.2f} nats, and random pairs up to "
        f"{chance:.2f}."
    )
    rest = [head for head in strong if head not in gone]
    pairs = {pair: cost(pair) for pair in itertools.combinations(rest, 2)}
    best = max(pairs, key=pairs.__getitem__)
    assert together > 0.8 * pairs[best], (
        f"two_heads: {written(claim)} cost {together:.2f} nats; some pair of the strong heads that "
        f"are left costs {pairs[best]:.2f}."
    )


def check_found(found, trial):
    """Fail unless a list holds the working heads of the last layer, and attends as it should."""
    shown = written(found)
    layer = trial.sizes[0] - 1
    assert found == sorted(set(found)), f"Expected heads in order and once each, got {shown}."
    idle = [head for head in found if trial.matching[head] < MATCHES]
    assert not idle, f"{written(idle)} do not attend to tokens after earlier copies."
    assert found, "No head is found in a model with induction heads."
    check_working(trial, found, layer, "Found heads")


def find(from_scratch, model, seed=0):
    """Run the answer; heads as a list of pairs."""
    found = from_scratch.find_induction_heads(model, torch.Generator().manual_seed(seed))
    return [tuple(int(part) for part in head) for head in found]


@exercise("4.14")
@pytest.mark.parametrize("seed", [11, 12])
def test_working_heads_are_found_among_impostors(from_scratch, opened, seed):
    trial = opened(seed)
    check_found(find(from_scratch, trial.model, seed), trial)


@pytest.fixture
def doubled(impl):
    """Build induction_2l with every head of layer 1 twice, and silent heads in layer 0."""
    load = impl("ch02_transformer").load_pretrained
    trained, _ = load(toy_models.folder("induction_2l"))
    config = impl("ch02_transformer.config").TransformerConfig
    sizes = {name: getattr(trained.config, name) for name in ("n_layers", "d_model", "d_head")}
    sizes |= {name: getattr(trained.config, name) for name in ("d_mlp", "d_vocab", "n_ctx")}
    only = impl("ch02_transformer.attention_only").ATTENTION_ONLY_NORMED
    model = impl("ch02_transformer.model").HookedTransformer(config(n_heads=4, **sizes), only)
    state = {name: weight.clone() for name, weight in trained.state_dict().items()}
    for name, weight in state.items():
        if weight.shape[0] == 2 and ".attn." in name:
            twice = torch.cat([weight, weight])
            if name == "blocks.0.attn.W_O":
                twice[2:] = 0.0
            state[name] = twice
    model.load_state_dict(state)
    return model.requires_grad_(False)


@exercise("4.14")
def test_heads_that_back_each_other_up_are_found(from_scratch, doubled):
    found = find(from_scratch, doubled)
    assert found == [(1, 0), (1, 1), (1, 2), (1, 3)], (
        f"Each head of layer 1 occurs twice and works; found: {written(found) or 'none'}. Without "
        "one of two equal heads little is lost: ablate a head while others are ablated, too."
    )


@exercise("4.14")
@pytest.mark.parametrize("name", ["induction_1l", "attn_2l"])
def test_models_without_induction_have_none(from_scratch, impl, name):
    """One layer has no induction heads; nor have the heads of attn_2l, set to zero."""
    model, _ = impl("ch02_transformer").load_pretrained(toy_models.folder(name))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(0.0 if name == "attn_2l" else 1.0)
    found = find(from_scratch, model.requires_grad_(False))
    assert not found, f"This model has no induction heads; found: {written(found)}."


@exercise("4.14")
def test_the_model_and_global_chance_are_left_alone(from_scratch, opened):
    trial = opened(11)
    before, clean = torch.random.get_rng_state(), trial.logits([])
    find(from_scratch, trial.model)
    assert torch.equal(before, torch.random.get_rng_state()), (
        "torch's global random state has changed; draw from the generator that is given."
    )
    assert torch.equal(clean, trial.logits([])), "The model predicts something else afterwards."
    assert not trial.model.hooked_names(), "Hooks are left on the model; use run_with_hooks."


def solve(trial, layer):
    """The right answers of a layer: the two heads that cost most, and the two that cancel."""
    every = [(layer, head) for head in range(trial.sizes[1])]
    pairs, clean = list(itertools.combinations(every, 2)), trial.logits([])
    change = {pair: (trial.logits(pair) - clean).abs().max().item() for pair in pairs}
    return list(max(pairs, key=trial.cost)), min(pairs, key=change.__getitem__)


@pytest.mark.project
def test_learners_have_different_right_answers(opened):
    tables = {}
    for learner in (REFERENCE, *(f"learner {n}" for n in range(2))):
        trial = opened(seed_of(learner, "4.13"))
        works, cancels = zip(*(solve(trial, layer) for layer in (0, 1)), strict=True)
        for layer, heads in enumerate(works):
            check_working(trial, heads, layer, learner)
            with pytest.raises(AssertionError):
                check_working(trial, list(cancels[layer]), layer, learner)
        tables[learner] = (*map(tuple, works), *cancels)
    assert len(set(tables.values())) == len(tables), tables
