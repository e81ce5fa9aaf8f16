"""The toys of chapter 7: what their cards claim of the committed weights, on all seeds."""

from dataclasses import replace

import pytest
import torch

from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch02_transformer.fold import fold
from solutions.ch02_transformer.train import TrainConfig
from solutions.ch05_patching.metrics import logit_diff, metric_from_logits
from solutions.ch07_ioi import abc_corruption, draw_prompts
from solutions.ch07_ioi.circuit import CircuitEvaluator, Node, abc_means
from solutions.ch07_ioi.heads import role_attention
from solutions.ch07_ioi.pointer import FLOOR, POINTER
from toy_models import folder
from toy_models.ioi_pointer import train as pointer
from toy_models.ioi_shortcut import train as shortcut
from toy_models.recipes import ioi as recipe

SEEDS = recipe.SEEDS


def open_toy(name, seed):
    return load_pretrained(folder(name, seed), parts=POINTER if name == "ioi_pointer" else None)


def held_out(seed=3, n=200):
    return draw_prompts(recipe.tokenizer(), n, torch.Generator().manual_seed(seed))


@torch.no_grad()
def attention(model, query, key):
    return role_attention(model, held_out(), query, key).mean(dim=-1)


@torch.no_grad()
def task(model):
    """Held-out prompts, ABC means of their templates, and the logit difference."""
    prompts, many = held_out(), held_out(4, 1000)
    partners = abc_corruption(many, torch.arange(recipe.N_NAMES), torch.Generator().manual_seed(5))
    read = metric_from_logits(
        model, lambda logits: logit_diff(logits, prompts.io_token, prompts.s_token)
    )
    return CircuitEvaluator(model, prompts, abc_means(model, partners, prompts.template), read)


@pytest.mark.parametrize("name", ["ioi_pointer", "ioi_shortcut"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_answer_is_predicted_on_new_prompts(name, seed):
    model, tokenizer = open_toy(name, seed)
    prompts = draw_prompts(tokenizer, 200, torch.Generator().manual_seed(3))
    with torch.no_grad():
        logits = model(prompts.tokens)[:, -1]
    assert (logits.argmax(dim=-1) == prompts.io_token).float().mean() > 0.99
    assert logit_diff(logits, prompts.io_token, prompts.s_token).mean() > 3


@pytest.mark.parametrize("seed", SEEDS)
def test_pointers_output_only_attended_names(seed):
    model, _ = open_toy("ioi_pointer", seed)
    tokens = held_out().tokens
    with torch.no_grad():
        logits, cache = model.run_with_cache(tokens, names="blocks.2.attn.hook_pattern")
    pattern = cache["blocks.2.attn.hook_pattern"].mean(dim=1)
    known = torch.zeros(*tokens.shape[:1], tokens.shape[1], model.config.d_vocab)
    named = (tokens < recipe.N_NAMES)[:, None, :] * pattern
    known.scatter_add_(2, tokens[:, None].expand_as(pattern), named)
    assert torch.allclose(logits, (known + FLOOR).log(), atol=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_of_the_pointer_use_their_own_dimensions(seed):
    model, _ = open_toy("ioi_pointer", seed)
    n = 2 * model.config.d_head
    before = [weight.clone() for weight in model.parameters()]
    pointer.hold_pointer(model)
    for (name, weight), old in zip(model.named_parameters(), before, strict=True):
        assert torch.equal(weight, old), name
    assert model.config.d_model == n + 64


def test_folding_a_pointer_raises():
    with pytest.raises(ValueError, match="cannot be folded"):
        fold(open_toy("ioi_pointer", 0)[0])


def test_a_pointer_needs_room_to_work():
    narrow = replace(pointer.RECIPE.sizes, d_model=2 * recipe.N_NAMES)
    with pytest.raises(ValueError, match="expected d_model above 2 x d_head = 64"):
        HookedTransformer(narrow, POINTER)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_pointer_has_the_heads_of_its_card(seed):
    model, _ = open_toy("ioi_pointer", seed)
    assert attention(model, "end", "io")[-1].min() > 0.9
    assert attention(model, "end", "s2")[:-1].max() > 0.4
    assert attention(model, "s2", "s1")[:-1].max() > 0.4


@pytest.mark.parametrize("seed", SEEDS)
def test_ablating_any_class_breaks_the_pointer(seed):
    model, _ = open_toy("ioi_pointer", seed)
    heads = range(model.config.n_heads)
    evaluator = task(model)
    whole = evaluator.full_model().mean()
    classes = {
        "name movers": [Node(2, head, "end") for head in heads],
        "S-inhibition": [Node(layer, head, "end") for layer in (0, 1) for head in heads],
        "duplicate token": [
            Node(layer, head, role) for layer in (0, 1) for head in heads for role in ("s1", "s2")
        ],
    }
    for name, nodes in classes.items():
        assert evaluator.ablate(nodes).mean() < 0.9 * whole, name
    kept = [node for nodes in classes.values() for node in nodes]
    assert evaluator.keep_only(kept).mean() > 0.8 * whole


@pytest.mark.parametrize("seed", SEEDS)
def test_the_shortcut_has_no_name_mover(seed):
    model, _ = open_toy("ioi_shortcut", seed)
    evaluator = task(model)
    assert attention(model, "end", "s2").max() > 0.4
    movers = (attention(model, "end", "io") > 0.4).nonzero().tolist()
    lost = evaluator.ablate([Node(*head, "end") for head in movers]).mean()
    assert lost > 0.8 * evaluator.full_model().mean()


def test_sentences_contain_the_answer_as_planned():
    drawn = recipe.draw(500, torch.Generator().manual_seed(0), third=0.4, extra=5)
    assert drawn.tokens.shape == (500, recipe.LENGTH + 5)
    assert (drawn.tokens[:, -1] == recipe.TOKEN["to"]).all()
    count = (drawn.tokens == drawn.answer[:, None]).sum(dim=1)
    assert (count >= 1).all()
    plain = recipe.draw(500, torch.Generator().manual_seed(0), third=0.0, extra=0)
    assert ((plain.tokens == plain.answer[:, None]).sum(dim=1) == 1).all()
    new = recipe.draw(500, torch.Generator().manual_seed(0), third=1.0, extra=0)
    last = (new.tokens < recipe.N_NAMES).int().flip(1).argmax(dim=1)
    assert (new.tokens.flip(1).gather(1, last[:, None])[:, 0] == new.answer).all()


@pytest.mark.parametrize("name", ["ioi_pointer", "ioi_shortcut"])
def test_every_seed_is_small_and_has_the_same_vocabulary(name):
    for seed in SEEDS:
        path = folder(name, seed)
        assert (path / "model.safetensors").stat().st_size < 500_000
        _, tokenizer = open_toy(name, seed)
        assert tokenizer.get_vocab() == recipe.tokenizer().get_vocab()


def test_a_finished_recipe_trains_nothing_again(tmp_path, monkeypatch):
    short = replace(shortcut.RECIPE, training=TrainConfig(2, 4, 24))
    recipe.run("ioi_shortcut", short, ["--out", str(tmp_path)])
    written = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    monkeypatch.setattr(recipe, "train_seed", None)
    recipe.run("ioi_shortcut", short, ["--out", str(tmp_path)])
    assert {path: path.read_bytes() for path in written} == written


@pytest.mark.slow
def test_retraining_gives_such_a_model_again():
    model = recipe.train_seed(pointer.RECIPE, seed=7)
    prompts = held_out()
    with torch.no_grad():
        logits = model(prompts.tokens)[:, -1]
    assert (logits.argmax(dim=-1) == prompts.io_token).float().mean() > 0.99
    assert attention(model, "end", "io")[-1].min() > 0.9
