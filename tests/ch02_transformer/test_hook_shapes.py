"""The comment at each hook point gives its shape, and a real cache has that shape."""

import ast
import re
from pathlib import Path

import pytest
import torch

from tests.grading.assertions import randomise

pytestmark = pytest.mark.project

COMMENT = re.compile(r"self\.(hook_\w+) = HookPoint\(.*\)(?:  # \[(.+)\])?$")
SIZES = dict(n_layers=1, d_model=10, n_heads=6, n_kv_heads=2, d_head=8, d_mlp=11)
SIZES |= dict(d_vocab=13, n_ctx=17)
AXES = {"batch": 3, "pos": 5, "query": 5, "key": 9, "head": 6, "kv_head": 2, "1": 1}
AXES |= {name: size for name, size in SIZES.items() if name.startswith("d_")}


def shapes_in_comments(module) -> dict[str, dict[str, str | None]]:
    """The hook points of each class of a module, each with the axes that its comment names."""
    source = Path(module.__file__).read_text("utf-8")
    lines = source.splitlines()
    shapes: dict[str, dict[str, str | None]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            found = [COMMENT.search(line) for line in lines[node.lineno - 1 : node.end_lineno]]
            shapes[node.name] = {match[1]: match[2] for match in found if match}
    return {name: points for name, points in shapes.items() if points}


def test_every_hook_point_has_the_shape_in_its_comment(
    model, config, attention, norms, layers, attention_only
):
    modules = (model, attention, norms, layers, attention_only)
    stated: dict[str, dict[str, str | None]] = {}
    for module in modules:
        stated |= shapes_in_comments(module)
    written = sum(len(points) for points in stated.values())
    sources = [Path(module.__file__).read_text("utf-8") for module in modules]
    assert written == sum(source.count("= HookPoint(") for source in sources)

    seen: set[tuple[str, str]] = set()
    plain, normed = attention_only.ATTENTION_ONLY, attention_only.ATTENTION_ONLY_NORMED
    families = [model.GPT2, model.LLAMA, parallel(model), plain, normed]
    for parts in families:
        whole = randomise(model.HookedTransformer(config.TransformerConfig(**SIZES), parts), seed=1)
        names = list(whole.hook_points())
        past = model.KVCache(1)
        tokens = torch.arange(3 * 9).reshape(3, 9) % 13
        whole(tokens[:, :4], past=past)
        _, cache = whole.run_with_cache(tokens[:, 4:], names=names, past=past)
        assert set(cache) == set(names)
        for name, x in cache.items():
            owner, _, point = name.rpartition(".")
            classes = [part.__name__ for part in type(whole.get_submodule(owner)).__mro__]
            kind = next(name for name in classes if point in stated.get(name, {}))
            axes = stated[kind][point]
            assert axes, f"{kind}.{point} has no comment with its shape"
            sizes = [AXES[axis] for axis in axes.split(", ")]
            assert list(x.shape) == sizes, (
                f"{kind}.{point} expected [{axes}] = {sizes}, got {list(x.shape)}"
            )
            seen.add((kind, point))
    assert seen == {(kind, point) for kind, points in stated.items() for point in points}


def parallel(model):
    """GPT-2's parts in a parallel block."""
    gpt2 = model.GPT2
    return model.Parts(
        positions=gpt2.positions,
        norm=gpt2.norm,
        attention=gpt2.attention,
        mlp=gpt2.mlp,
        block=model.ParallelBlock,
        unembed=model.Unembed,
    )


def test_all_sizes_are_different():
    sizes = [size for name, size in AXES.items() if name != "query"]
    assert len(set(sizes)) == len(sizes)
