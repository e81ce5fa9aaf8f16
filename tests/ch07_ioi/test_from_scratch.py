"""Graders of from_scratch.py (7.14): name movers of models whose heads are known."""

import pytest
import torch

import toy_models
from tests.grading import exercise

from .hand_set_names import Names, direct_effects, shown


def find(from_scratch, counterfactuals, model, prompts, names):
    """Run the answer on ABC corruptions, in the form of a list of pairs."""
    corrupted = counterfactuals.abc_corruption(prompts, names, torch.Generator().manual_seed(3))
    found = from_scratch.find_name_movers(model, prompts, corrupted)
    return [tuple(int(part) for part in head) for head in found]


@exercise("7.14")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_name_movers_of_a_known_model_are_found(from_scratch, counterfactuals, own_names, seed):
    trial = Names(own_names, seed)
    found = find(
        from_scratch, counterfactuals, trial.model, trial.prompts, torch.arange(own_names.N_NAMES)
    )
    parts = direct_effects(trial)
    expected = sorted(head for head, (gap, seen) in parts.items() if gap > 0.05 and seen > 0.3)
    idle = set(found) - set(expected)
    assert not idle, (
        f"{shown(idle)} are found, but add {[round(parts[h][0], 2) for h in sorted(idle)]} to the "
        f"logit difference and attend to IO with {[round(parts[h][1], 2) for h in sorted(idle)]}."
    )
    assert sorted(found) == expected, f"Found {shown(found) or 'none'}, expected {shown(expected)}."


@exercise("7.14")
def test_the_largest_effect_is_first(from_scratch, counterfactuals, own_names):
    """The name movers write alike, so a factor on what each of them writes sets their order."""
    trial = Names(own_names, 5)
    parts = direct_effects(trial)
    movers = sorted(head for head, (gap, seen) in parts.items() if gap > 0.05 and seen > 0.3)
    first, second, third = movers
    logits = slice(own_names.LOGIT, own_names.LOGIT + own_names.N_NAMES)
    for factor, (layer, head) in zip((2, 3, 1), movers, strict=True):
        trial.model.blocks[layer].attn.W_O[head, :, logits] *= factor
    found = find(
        from_scratch, counterfactuals, trial.model, trial.prompts, torch.arange(own_names.N_NAMES)
    )
    assert sorted(found) == movers, f"Found {shown(found) or 'none'}, expected {shown(movers)}."
    expected = [second, first, third]
    assert found == expected, (
        f"Found the name movers {found} in this order, expected {expected}: the one with the "
        "largest effect first."
    )


@exercise("7.14")
def test_an_effect_that_varies_over_prompts_does_not_count(
    from_scratch, counterfactuals, own_names
):
    """The negative head raises half of the names and lowers the others: +.3 on average."""
    trial = Names(own_names, 1)
    parts, io = direct_effects(trial), trial.prompts.io_token
    negative = min((head for head in parts if parts[head][1] > 0.3), key=lambda x: parts[x][0])
    signs = torch.ones(own_names.N_NAMES).double()
    signs[::2] = -1.0
    mean, chance = 0.3, 4 * signs[io].std() / len(io) ** 0.5
    strength = 4 * signs + mean - 4 * signs[io].mean()
    logits = slice(own_names.LOGIT, own_names.LOGIT + own_names.N_NAMES)
    trial.model.blocks[negative[0]].attn.W_O[negative[1], : len(strength), logits] = strength.diag()
    assert 0.02 * trial.full < mean < 2 * chance, "the case is not between the two limits"
    found = find(
        from_scratch, counterfactuals, trial.model, trial.prompts, torch.arange(own_names.N_NAMES)
    )
    assert negative not in found, (
        f"{shown([negative])} is found; expected no head whose mean effect, here {mean}, is less "
        f"than three standard errors over prompts, here {3 * chance:.2f}."
    )
    expected = [head for head, (gap, seen) in parts.items() if gap > 0.05 and seen > 0.3]
    assert sorted(found) == sorted(expected), f"Found {shown(found)}, expected {shown(expected)}."


@exercise("7.14")
def test_a_head_that_acts_through_another_does_not_count(from_scratch, counterfactuals, own_names):
    """A head of layer 1 attends to IO, but only a head of layer 2 carries its output further."""
    trial = Names(own_names, 1)
    parts, (_, middle, last) = direct_effects(trial), trial.model.blocks
    impostors = [head for head in sorted(parts) if abs(parts[head][0]) < 1e-6]
    relay = next(h for h in impostors if h[0] == 1 and parts[h][1] > 0.9)
    carrier = next(h for h in impostors if h[0] == 2)
    size, unread, logit = own_names.N_NAMES, own_names.UNREAD, own_names.LOGIT
    names, (_, head) = torch.eye(size).double(), carrier
    for block in trial.model.blocks[:2]:
        block.attn.W_O[:, :, unread : unread + size] = 0.0
    middle.attn.W_O[relay[1], :size, unread : unread + size] = names
    for weight in (last.attn.W_Q, last.attn.W_K, last.attn.W_V, last.attn.W_O):
        weight[head] = 0.0
    last.attn.W_Q[head, own_names.ONES, own_names.LOOK] = own_names.SHARP
    last.attn.W_K[head, own_names.POSITION + own_names.END, own_names.LOOK] = own_names.SHARP
    last.attn.W_V[head, unread : unread + size, :size] = names
    last.attn.W_O[head, :size, logit : logit + size] = names
    assert 1 - trial.share([relay]) > 0.2, "the relay has no effect"
    found = find(
        from_scratch, counterfactuals, trial.model, trial.prompts, torch.arange(own_names.N_NAMES)
    )
    assert relay not in found, (
        f"{shown([relay])} is found, but its output reaches the logits only through "
        f"{shown([carrier])}. Freeze all other heads at their clean outputs."
    )
    expected = [one for one in parts if parts[one][0] > 0.05 and parts[one][1] > 0.3]
    assert sorted(found) == sorted(expected), f"Found {shown(found)}, expected {shown(expected)}."


@exercise("7.14")
def test_a_head_that_raises_all_names_does_not_count(from_scratch, counterfactuals, own_names):
    """It attends to IO, and names that the corrupted prompts lack raise all logits alike."""
    trial = Names(own_names, 1)
    parts = direct_effects(trial)
    idle = next(h for h, (gap, seen) in sorted(parts.items()) if abs(gap) < 1e-6 and seen > 0.9)
    size, logit = own_names.N_NAMES, own_names.LOGIT
    shared = trial.model.blocks[idle[0]].attn.W_O[idle[1]]
    shared[size // 2 : size, logit : logit + size] = 3.0
    others = torch.arange(size // 2)
    found = find(from_scratch, counterfactuals, trial.model, trial.prompts, others)
    assert idle not in found, (
        f"{shown([idle])} is found, but raises the logits of IO and S alike. The effect is on "
        "their difference."
    )
    expected = [one for one in parts if parts[one][0] > 0.05 and parts[one][1] > 0.3]
    assert sorted(found) == sorted(expected), f"Found {shown(found)}, expected {shown(expected)}."


@exercise("7.14")
def test_an_effect_through_an_mlp_counts(from_scratch, counterfactuals, own_names, impl):
    """A head that attends to IO writes what only an MLP of the last block reads."""
    trial = Names(own_names, 1)
    parts, last = direct_effects(trial), trial.model.blocks[-1]
    relay = next(h for h, (gap, seen) in sorted(parts.items()) if abs(gap) < 1e-6 and seen > 0.9)
    size, unread, logit = own_names.N_NAMES, own_names.UNREAD, own_names.LOGIT
    for block in trial.model.blocks:
        block.attn.W_O[:, :, unread : unread + size] = 0.0
    own = trial.model.blocks[relay[0]].attn.W_O[relay[1]]
    own[:size, unread : unread + size] = torch.eye(size).double()

    class WithMLP(type(last)):
        def forward(self, resid, past=None):
            resid = super().forward(resid, past)
            out = torch.zeros_like(resid)
            out[..., logit : logit + size] = resid[..., unread : unread + size].relu()
            return resid + self.hook_mlp_out(out)

    last.hook_mlp_out = impl("ch02_transformer.hooks").HookPoint()
    last.__class__ = WithMLP
    assert 1 - trial.share([relay]) > 0.1, "the head has no effect"
    found = find(
        from_scratch, counterfactuals, trial.model, trial.prompts, torch.arange(own_names.N_NAMES)
    )
    assert relay in found, (
        f"{shown([relay])} is missing: an MLP adds its output to the logits, and no other head is "
        "in between. Freeze heads alone, not MLPs."
    )


@exercise("7.14")
@pytest.mark.parametrize("queries", [1.0, 0.0])
def test_name_movers_of_a_trained_toy_are_found(
    from_scratch, counterfactuals, prompts, impl, queries
):
    """The last layer of the pointer points at IO; without queries its heads attend to all alike."""
    load, parts = impl("ch02_transformer").load_pretrained, impl("ch07_ioi.pointer").POINTER
    model, tokenizer = load(toy_models.folder("ioi_pointer"), parts=parts)
    model.requires_grad_(False)
    for block in model.blocks:
        block.attn.W_Q.mul_(queries)
        block.attn.b_Q.mul_(queries)
    drawn = prompts.draw_prompts(tokenizer, 48, torch.Generator().manual_seed(1))
    names = prompts.single_tokens(tokenizer, impl("ch07_ioi.sentences").NAMES)
    found = find(from_scratch, counterfactuals, model, drawn, torch.tensor(list(names.values())))
    expected = [(2, head) for head in range(4)] if queries else []
    assert sorted(found) == expected, (
        f"ioi_pointer, queries times {queries}: found {shown(found) or 'none'}, expected "
        f"{shown(expected) or 'none'}."
    )
