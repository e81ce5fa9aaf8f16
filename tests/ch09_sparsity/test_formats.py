"""Folders in SAELens's format: every variant comes back, and a malformed field is named."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.grading.assertions import assert_close, normal, randomise

pytestmark = pytest.mark.project


def built(topk, batch_topk, gated, jumprelu, matryoshka, vanilla):
    made = {
        "standard": vanilla.VanillaSAE(4, 9, 0.1),
        "weighted": vanilla.NormWeightedSAE(4, 9, 0.1),
        "topk": topk.TopKSAE(4, 9, 3),
        "batchtopk": batch_topk.BatchTopKSAE(4, 9, 3),
        "matryoshka": matryoshka.MatryoshkaSAE(4, 9, 3, [3, 9]),
        "gated": gated.GatedSAE(4, 9, 0.1),
        "jumprelu": jumprelu.JumpReLUSAE(4, 9, 0.1),
    }
    for seed, sae in enumerate(made.values()):
        randomise(sae, seed)
        if (
            hasattr(sae, "threshold")
            and isinstance(sae.threshold, torch.Tensor)
            and sae.threshold.ndim == 0
        ):
            sae.threshold.fill_(0.3)
    return made


@pytest.fixture
def saes(topk, batch_topk, gated, jumprelu, matryoshka, vanilla):
    return built(topk, batch_topk, gated, jumprelu, matryoshka, vanilla)


RESCALE = "rescale_acts_by_decoder_norm"
NAMES = ["standard", "weighted", "topk", "batchtopk", "matryoshka", "gated", "jumprelu"]


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_sae_is_loaded(saes, formats, tmp_path, name):
    sae, x = saes[name].float().eval(), normal(20, 4, seed=3).float()
    formats.save_sae(sae, tmp_path, {"model_name": "tiny", "hook_name": "blocks.0.hook_resid_post"})
    loaded = formats.load_sae(tmp_path)
    assert_close(loaded.encode(x), sae.encode(x), "acts differ", tolerance=1e-6)
    assert_close(loaded(x).x_hat, sae(x).x_hat, "x_hat differs", tolerance=1e-6)
    config = json.loads((tmp_path / "cfg.json").read_text())
    assert config["metadata"]["model_name"] == "tiny"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "cfg.json",
        "sae_weights.safetensors",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_sae_lens_computes_the_same(saes, formats, tmp_path, name):
    sae_lens = pytest.importorskip("sae_lens")
    sae, x = saes[name].float().eval(), normal(20, 4, seed=3).float()
    formats.save_sae(sae, tmp_path)
    theirs = sae_lens.SAE.load_from_disk(str(tmp_path))
    assert_close(theirs.encode(x).detach(), sae.encode(x).detach(), "acts differ", tolerance=1e-5)
    assert_close(theirs(x).detach(), sae(x).x_hat.detach(), "x_hat differs", tolerance=1e-5)


@pytest.mark.parametrize(
    "name, sizes",
    [
        ("standard", {}),
        ("gated", {}),
        ("jumprelu", {}),
        ("topk", {"k": 3}),
        ("batchtopk", {"k": 3}),
        ("matryoshka_batchtopk", {"k": 3, "matryoshka_widths": [3, 9]}),
    ],
)
def test_what_sae_lens_trained_is_loaded(formats, tmp_path, name, sizes):
    sae_lens = pytest.importorskip("sae_lens")
    make, config = sae_lens.registry.get_sae_training_class(name)
    trained = make(config(d_in=4, d_sae=9, **sizes))
    with torch.no_grad():
        for seed, weight in enumerate([*trained.parameters(), *trained.buffers()]):
            value = normal(1, *weight.shape, seed=seed)[0]
            weight.copy_(value if weight.ndim else value.abs())  # a threshold of the whole SAE
    trained.save_inference_model(tmp_path)
    theirs, ours = sae_lens.SAE.load_from_disk(str(tmp_path)), formats.load_sae(tmp_path)
    x = normal(20, 4, seed=3).float()
    assert_close(ours(x).x_hat.detach(), theirs(x).detach(), "x_hat differs", tolerance=1e-4)
    assert_close(ours.encode(x).detach(), theirs.encode(x).detach(), "acts differ", tolerance=1e-4)


def test_a_rescaled_topk_is_folded(saes, formats, tmp_path):
    sae, x = saes["topk"].float().eval(), normal(20, 4, seed=3).float()
    formats.save_sae(sae, tmp_path)
    config = json.loads((tmp_path / "cfg.json").read_text())
    (tmp_path / "cfg.json").write_text(json.dumps(config | {RESCALE: True}))
    loaded, lengths = formats.load_sae(tmp_path), sae.W_dec.norm(dim=1)
    kept = ((sae.pre_activations(x) * lengths).topk(3).values).relu().sort().values
    assert_close(loaded.encode(x).topk(3).values.sort().values, kept, "acts differ", tolerance=1e-5)
    assert_close(loaded.W_dec.norm(dim=1), torch.ones(9), "rows differ", tolerance=1e-6)


def test_rescaling_of_other_architectures_is_refused(saes, formats, tmp_path):
    for name, value in (("standard", True), ("topk", "yes"), ("topk", 1)):
        formats.save_sae(saes[name], tmp_path)
        config = json.loads((tmp_path / "cfg.json").read_text())
        (tmp_path / "cfg.json").write_text(json.dumps(config | {RESCALE: value}))
        with pytest.raises(ValueError, match=f"{RESCALE}: expected one of"):
            formats.load_sae(tmp_path)


BAD = [
    ({"architecture": "transcoder"}, "architecture: expected standard or topk"),
    ({"architecture": None}, "architecture: expected"),
    ({"architecture": ["topk"]}, "architecture: expected"),
    ({"d_in": 4.0}, "d_in: expected an integer from 1 on, got 4.0"),
    ({"d_in": "4"}, "d_in: expected"),
    ({"d_sae": 0}, "d_sae: expected"),
    ({"d_sae": True}, "d_sae: expected"),
    ({"d_sae": 2**30, "d_in": 2**30}, "weights below 64 GiB"),
    ({"k": None}, "k: expected an integer"),
    ({"k": 10}, "k from 1 to d_sae=9"),
    ({"normalize_activations": "layer_norm"}, "normalize_activations: expected 'none'"),
    ({"apply_b_dec_to_input": False}, "apply_b_dec_to_input: expected True"),
    ({"d_in": 5}, r"W_dec: expected shape \[9, 5\], got \[9, 4\]"),
]


@pytest.mark.parametrize("change, words", BAD)
def test_a_malformed_config_names_its_field(saes, formats, tmp_path, change, words):
    formats.save_sae(saes["topk"], tmp_path)
    config = json.loads((tmp_path / "cfg.json").read_text()) | change
    (tmp_path / "cfg.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=words):
        formats.load_sae(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{", b"[" * 100_000])
def test_a_config_without_an_object_raises(saes, formats, tmp_path, content):
    formats.save_sae(saes["topk"], tmp_path)
    (tmp_path / "cfg.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"object in .*cfg\.json|cfg\.json is (not JSON|nested)"):
        formats.load_sae(tmp_path)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda t: t.pop("b_enc"), "expected tensors \\['b_enc'\\]"),
        (lambda t: t.update(extra=torch.ones(2)), "extra: expected no such tensor"),
        (lambda t: t.update(b_dec=torch.ones(9)), r"b_dec: expected shape \[4\], got \[9\]"),
        (lambda t: t["W_dec"].fill_(float("nan")), "W_dec: expected finite floats"),
        (
            lambda t: t.update(b_dec=torch.ones(4, dtype=torch.long)),
            "b_dec: expected finite floats",
        ),
    ],
)
def test_malformed_weights_name_the_tensor(saes, formats, tmp_path, change, words):
    formats.save_sae(saes["topk"], tmp_path)
    tensors = {
        name: value.clone()
        for name, value in load_file(tmp_path / "sae_weights.safetensors").items()
    }
    change(tensors)
    save_file(tensors, tmp_path / "sae_weights.safetensors")
    with pytest.raises(ValueError, match=words):
        formats.load_sae(tmp_path)


def test_a_missing_or_cut_weight_file_raises(saes, formats, tmp_path):
    formats.save_sae(saes["topk"], tmp_path)
    path = tmp_path / "sae_weights.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="expected a safetensors file"):
        formats.load_sae(tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match="expected a safetensors file"):
        formats.load_sae(tmp_path)


def test_an_unfitted_batch_topk_is_not_saved(batch_topk, formats, tmp_path):
    with pytest.raises(ValueError, match="call fit_threshold first"):
        formats.save_sae(batch_topk.BatchTopKSAE(4, 9, 3), tmp_path / "new")
    assert not (tmp_path / "new").exists()
