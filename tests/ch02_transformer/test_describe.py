"""What `describe_pretrained` says of a folder is what `load_pretrained` does with it."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.grading.assertions import normal

from .record_families import FAMILIES, RECORD

pytestmark = pytest.mark.project


@pytest.fixture
def pretrained(impl):
    return impl("ch02_transformer.pretrained")


@pytest.fixture
def folder(tmp_path):
    """Writes a family's recorded checkpoint, with some settings and tensors changed."""

    def folder(name, settings=None, tensors=None):
        family = json.loads(RECORD.read_text(encoding="utf-8"))["families"][name]
        sizes = family["tensors"].items()
        made = {key: normal(*shape, seed=seed).float() for key, (seed, *shape) in sizes}
        made = {k: v for k, v in (made | (tensors or {})).items() if v is not None}
        save_file(made, tmp_path / "model.safetensors")
        config = json.dumps(family["config"] | (settings or {}))
        (tmp_path / "config.json").write_text(config, encoding="utf-8")
        return tmp_path

    return folder


@pytest.mark.parametrize("name", FAMILIES)
def test_a_description_agrees_with_the_model(pretrained, folder, name):
    path = folder(name)
    found, (model, _) = pretrained.describe_pretrained(path), pretrained.load_pretrained(path)
    assert found.problems == [] and found.tokenizer is None
    assert found.config == model.config and found.parts == model.parts
    assert found.n_parameters == sum(weight.numel() for weight in model.parameters())
    assert found.bytes_in(torch.float32) == 4 * found.n_parameters
    numbers = sum(weight.numel() for weight in load_file(path / "model.safetensors").values())
    assert found.stored == {"F32": numbers}
    assert found.family in name.lower().replace("gptneo", "gpt_neo")


BROKEN = {
    "a missing tensor": ("Llama", {}, {"model.norm.weight": None}, "lacks the tensor"),
    "an unused tensor": ("Qwen2", {}, {"model.extra": torch.ones(2)}, "unused tensors"),
    "another shape": ("Phi", {}, {"model.final_layernorm.weight": torch.ones(9)}, "of shape"),
    "whole numbers": (
        "Gemma2",
        {},
        {"model.norm.weight": torch.ones(36, dtype=torch.int8)},
        "quantised",
    ),
    "an unknown setting": ("Olmo2", {"clip_qkv": 8.0}, {}, "clip_qkv"),
    "an unknown family": ("Llama", {"architectures": ["MambaForCausalLM"]}, {}, "Mamba"),
    "more layers": ("Mistral", {"num_hidden_layers": 3}, {}, "lacks the tensor"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_problem_is_found_where_loading_fails(pretrained, folder, what):
    name, settings, tensors, words = BROKEN[what]
    path = folder(name, settings, tensors)
    assert any(words in problem for problem in pretrained.describe_pretrained(path).problems)
    with pytest.raises(ValueError):
        pretrained.load_pretrained(path)


def test_no_weight_is_read(pretrained, folder):
    path = folder("Gemma2")
    size = (path / "model.safetensors").stat().st_size
    with (path / "model.safetensors").open("r+b") as file:
        file.seek(size - 4000)
        file.write(b"\xff" * 4000)  # NaN, which loading would refuse
    assert pretrained.describe_pretrained(path).problems == []
    with pytest.raises(ValueError, match="finite"):
        pretrained.load_pretrained(path)


LIMITS = {
    "Llama": [],
    "GPTNeoX": ["attribution graphs: attention and MLP in parallel, or no MLP"],
    "Gemma2": [
        "attribution graphs, unless by hold_output_norms: norms on outputs, or capped logits",
        "tokens after padding on the right: layers that attend to a window",
    ],
    "Qwen3": ["QK circuits: norms on queries and keys"],
    "OPT like the 350m": ["components and attribution graphs: norms of the residual stream itself"],
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits_name_what_later_chapters_refuse(pretrained, folder, name):
    assert pretrained.describe_pretrained(folder(name)).limits == LIMITS[name]


def test_an_empty_folder_lacks_both_files(pretrained, tmp_path):
    problems = pretrained.describe_pretrained(tmp_path).problems
    assert len(problems) == 2 and "config.json" in problems[0] and "safetensors" in problems[1]
    with pytest.raises(ValueError, match="expected a folder"):
        pretrained.describe_pretrained(tmp_path / "none")
