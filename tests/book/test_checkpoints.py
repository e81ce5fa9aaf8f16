"""The page of checkpoints: from one file, whose entries an adapter reads and the page lists."""

import json
from pathlib import Path

import pytest
import torch

from docs._checkpoints import __main__ as checkpoints

pytestmark = pytest.mark.project
ENTRIES = checkpoints.read()
CONFIGS = json.loads((checkpoints.HERE / "configs.json").read_text(encoding="utf-8"))
PROJECTED = "facebook/opt-350m"


@pytest.fixture
def loading(impl):
    return impl("ch02_transformer.pretrained.loading")


def build(loading, settings):
    """The model of these settings, without memory."""
    adapter = loading.choose_adapter(settings, Path("checkpoint"))
    config, parts = adapter.config(settings), adapter.parts(settings)
    with torch.device("meta"):
        return adapter, loading.build(config, parts, torch.float32, Path("config.json"))


def test_the_page_is_written_from_the_file():
    text = checkpoints.PAGE.read_text(encoding="utf-8")
    assert checkpoints.page(text, ENTRIES) == text, "run python -m docs._checkpoints"
    assert len(ENTRIES) >= 60
    assert all(f"| `{one.name}` |" in text for one in ENTRIES)
    assert len({one.name for one in ENTRIES}) == len(ENTRIES)


def test_every_adapter_has_checkpoints(loading):
    names = {adapter.__name__.rpartition(".")[2] for adapter in loading.ADAPTERS.values()}
    assert {one.adapter for one in ENTRIES} == names - {"native"}
    assert {one.verified for one in ENTRIES} == set(checkpoints.VERIFIED)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: one.name)
def test_the_model_has_as_many_parameters_as_published(loading, entry):
    adapter, model = build(loading, entry.settings)
    assert adapter.__name__.endswith(f".{entry.adapter}")
    # Our copy of a scaled embedding is not tied; biases that the family lacks are zeros of ours.
    copied = ("unembed.W_U",) if entry.adapter in ("gemma", "gemma2") else ()
    ours = sum(
        weight.numel()
        for name, weight in model.named_parameters()
        if name not in copied and not name.rpartition(".")[2].startswith(adapter.OPTIONAL_PARAMS)
    )
    if entry.name == PROJECTED:  # both projections are multiplied into the embeddings
        ours += 2 * 50_272 * (512 / 2 - 1024) + 2 * 512 * 1024
    assert abs(ours / 1e6 / entry.millions - 1) < 0.005, f"{ours:,}"


@pytest.mark.parametrize("name", CONFIGS)
def test_an_adapter_reads_the_whole_public_config(loading, name):
    """A complete copy gives the same sizes and parts as the entry's own settings."""
    entry = next(one for one in ENTRIES if one.name == name)
    assert entry.verified == "config"
    _, model = build(loading, CONFIGS[name])
    _, expected = build(loading, entry.settings)
    assert model.config == expected.config and model.parts == expected.parts


def test_entries_with_a_config_have_a_copy():
    assert {one.name for one in ENTRIES if one.verified == "config"} == set(CONFIGS)
