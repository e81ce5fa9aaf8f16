"""Graders of formats.py (11.18) and eight_bits.py (11.19); folders of both kinds, good and bad."""

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise
from tests.grading.odd_inputs import check_odd

THRESHOLD = "activation_function.threshold"


@pytest.fixture
def made(transcoder, skip, jumprelu, crosslayer):
    """Transcoders and CLTs with random weights, by the name of their kind."""

    def made(kind, d_in=5, d_out=4, d_sae=9, seed=0):
        n_layers = 3
        built = {
            "relu": lambda: transcoder.L1Transcoder(d_in, d_out, d_sae, 0.1),
            "topk": lambda: transcoder.TopKTranscoder(d_in, d_out, d_sae, min(2, d_sae)),
            "skip": lambda: skip.SkipTranscoder(d_in, d_out, d_sae, min(2, d_sae)),
            "jumprelu": lambda: jumprelu.JumpReLUTranscoder(d_in, d_out, d_sae, 0.1),
            "clt topk": lambda: crosslayer.TopKCLT(n_layers, d_in, d_sae, 2),
            "clt jumprelu": lambda: crosslayer.JumpReLUCLT(n_layers, d_in, d_sae, 0.1),
        }[kind]()
        randomise(built, seed)
        return built.eval()

    return made


def activate(pre_acts, tensors, k):
    """The activation that a file stands for, as circuit-tracer has it; k is ours."""
    if THRESHOLD in tensors:
        return pre_acts * (pre_acts > tensors[THRESHOLD])
    least = pre_acts.topk(k).values.amin(dim=-1, keepdim=True)
    return pre_acts.relu() * (pre_acts >= least)


def run_file(tensors, x, k):
    """What circuit-tracer computes from a layer's tensors."""
    acts = activate(torch.nn.functional.linear(x, tensors["W_enc"], tensors["b_enc"]), tensors, k)
    y = acts @ tensors["W_dec"] + tensors["b_dec"]
    return y + x @ tensors["W_skip"].T if "W_skip" in tensors else y


PACKED = ("relu", "topk", "skip", "jumprelu")


@exercise("11.18")
@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("sizes", [(5, 4, 9), (4, 4, 4), (3, 3, 7), (1, 1, 1)])
def test_packed_tensors_compute_the_same(formats, made, kind, sizes):
    one, x = made(kind, *sizes), normal(30, sizes[0], seed=4)
    with torch.no_grad():
        tensors = formats.pack_layer(one)
        expected = {"W_enc", "b_enc", "W_dec", "b_dec"}
        expected |= {"relu": set(), "topk": set(), "skip": {"W_skip"}}.get(
            kind, {THRESHOLD, "W_skip"}
        )
        assert set(tensors) == expected, f"Expected the names {sorted(expected)}."
        shapes = {name: list(value.shape) for name, value in tensors.items()}
        assert shapes["W_enc"] == [sizes[2], sizes[0]], "W_enc is [d_sae, d_in] there."
        assert shapes.get("W_skip", [sizes[1], sizes[0]]) == [sizes[1], sizes[0]]
        k = getattr(one, "k", sizes[2])
        assert_close(run_file(tensors, x, k), one(x).y_hat, "The file computes something else.")


@exercise("11.18")
def test_a_bypass_of_zeros_is_left_out(formats, made):
    one = made("jumprelu")
    one.W_skip.data.zero_()
    names = set(formats.pack_layer(one))
    assert "W_skip" not in names and THRESHOLD in names, (
        "W_skip is left out where it is zero, the threshold is not."
    )


@exercise("11.18")
@pytest.mark.parametrize("bypass", [[[0, 1], [-1, 0]], [[0, 0], [-1e-30, 0]]])
def test_any_bypass_and_zero_biases_are_written(formats, skip, bypass):
    """One bypass sums to zero, the other has one tiny negative entry; neither has a diagonal."""
    one = skip.SkipTranscoder(2, 2, 5, 2)  # fresh: its biases are zero
    one.W_skip.data = torch.tensor(bypass).float()
    names = set(formats.pack_layer(one))
    assert "W_skip" in names, f"W_skip has an entry that is not zero: {bypass}. Write it."
    assert {"b_enc", "b_dec"} <= names, "Biases are written where they are zero, too."


@exercise("11.18")
def test_clt_decoders_have_latents_first(formats):
    W_dec = normal(3, 7, 4, seed=1)
    expected = torch.stack([W_dec[:, latent] for latent in range(7)])
    check(formats.pack_clt_decoder, W_dec, expected=expected, claim="The axes are in wrong order.")
    square = normal(4, 4, 4, seed=2)
    expected = torch.stack([square[:, latent] for latent in range(4)])
    check(formats.pack_clt_decoder, square, expected=expected, claim="The axes are in wrong order.")


def rounded(W):
    """Codes and scales by a slow loop."""
    codes, scales = [], []
    for row in W.reshape(-1, W.shape[-1]):
        scale = max(abs(value) for value in row.tolist()) / 127
        codes.append([round(value / scale) if scale else 0 for value in row.tolist()])
        scales.append(scale)
    rows = W.shape[:-1]
    return (
        torch.tensor(codes, dtype=torch.int8).view(W.shape),
        torch.tensor(scales, dtype=W.dtype).view(rows),
    )


def weights(row, column, target=2):
    return (normal(target, row, column, seed=3).pow(3),)


@exercise("11.19")
def test_codes_on_odd_inputs(eight_bits):
    def codes_and_scale(W):
        stored = eight_bits.to_eight_bits(W)
        assert stored.codes.dtype == torch.int8, f"codes are {stored.codes.dtype}, not int8."
        return stored.codes.double(), stored.scale

    def oracle(W):
        codes, scale = rounded(W)
        return codes.double(), scale

    # in float32 a quotient near a half may round to the other side
    check_odd(codes_and_scale, oracle, weights, skip="nan float32", row=5, column=7)


@exercise("11.19")
def test_no_weight_is_off_by_more_than_half_a_step(eight_bits):
    W = normal(4, 50, 31, seed=6) * torch.logspace(-3, 3, 50, dtype=torch.float64)[:, None]
    W[0, 7] = 0.0
    stored = eight_bits.to_eight_bits(W)
    step = (W.abs().amax(dim=-1) / 127)[..., None]
    error = (stored.codes * stored.scale[..., None] - W).abs()
    assert (error <= 0.5 * step + 1e-12).all(), "A weight is off by more than half a step."
    assert (stored.codes.abs().amax(dim=-1)[step[..., 0] > 0] == 127).all(), (
        "The largest entry of a row has the code 127 or -127."
    )


@exercise("11.19")
def test_weights_from_codes_on_odd_inputs(eight_bits):
    def weights_of(codes, scale):
        return eight_bits.from_eight_bits(eight_bits.EightBits(codes.round().to(torch.int8), scale))

    def make(row, column):
        return 40 * normal(row, column, seed=1).clamp(-3, 3), normal(row, seed=2).abs()

    def oracle(codes, scale):
        return torch.stack(
            [row * one for row, one in zip(codes.round(), scale, strict=True)]
        ).reshape(codes.shape)

    check_odd(weights_of, oracle, make, skip="nan large", row=5, column=7)


KINDS = ("relu", "topk", "skip", "jumprelu", "clt topk", "clt jumprelu")


@pytest.fixture
def saved(formats, made, tmp_path):
    """A folder of three layers of a kind, and what was saved."""

    def saved(kind):
        by = made(kind) if kind.startswith("clt") else {i: made(kind, seed=i) for i in range(3)}
        formats.save_transcoders(by, tmp_path, formats.About("tiny"))
        return tmp_path, by

    return saved


@pytest.mark.project
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_folder_is_loaded(formats, saved, kind):
    folder, by = saved(kind)
    loaded, x = formats.load_transcoders(folder), normal(20, 3, 5, seed=3).float()
    with torch.no_grad():
        if kind.startswith("clt"):
            actual, expected = loaded(x), by.float()(x)
            assert_close(actual.acts, expected.acts, "acts differ", tolerance=1e-6)
            assert_close(actual.y_hat, expected.y_hat, "y_hat differs", tolerance=1e-5)
        for layer in () if kind.startswith("clt") else range(3):
            actual, expected = loaded[layer](x[:, layer]), by[layer].float()(x[:, layer])
            assert_close(actual.acts, expected.acts, "acts differ", tolerance=1e-6)
            assert_close(actual.y_hat, expected.y_hat, "y_hat differs", tolerance=1e-5)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["model_name"] == "tiny"
    assert config.get("k") == (2 if "topk" in kind or kind == "skip" else None)


BAD_CONFIG = [
    ({"model_kind": "sae"}, "model_kind: expected one of"),
    ({"model_kind": ["x"]}, "model_kind: expected one of"),
    ({"activation": "gelu"}, "activation: expected one of"),
    ({"activation": "jumprelu", "k": None}, "activation: expected thresholds in all layers"),
    ({"k": None}, "k: expected it with activation: topk"),
    ({"k": 2.0}, "k: expected an integer"),
    ({"k": 10}, "k: expected at most d_sae=9, got 10"),
    ({"transcoders": ["hf://a/b/c"]}, "transcoders: expected the files in this folder"),
    ({"model_kind": "cross_layer_transcoder"}, "expected files W_enc_0.safetensors"),
]


@pytest.mark.project
@pytest.mark.parametrize("change, words", BAD_CONFIG)
def test_a_malformed_config_names_its_field(formats, saved, change, words):
    folder, _ = saved("skip")
    config = yaml.safe_load((folder / "config.yaml").read_text()) | change
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ValueError, match=words):
        formats.load_transcoders(folder)


@pytest.mark.project
@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff", b"a: b: c", b"&a [*a]", b"{" * 9999, b"!!python/name:os.system"],
)
def test_a_config_that_is_not_one_raises(formats, saved, content):
    folder, _ = saved("relu")
    (folder / "config.yaml").write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.yaml: "):
        formats.load_transcoders(folder)


BAD_TENSORS = [
    ("skip", "layer_1", lambda t: t.pop("b_enc"), r"layer_1.*: b_enc: expected such a tensor"),
    ("skip", "layer_1", lambda t: t.update(k=torch.ones(1)), "k: expected no such tensor"),
    ("skip", "layer_1", lambda t: t.update(W_enc=torch.ones(5, 9)), r"W_enc: expected shape"),
    ("skip", "layer_2", lambda t: t.update(W_skip=torch.ones(5, 4)), r"W_skip: expected shape"),
    ("skip", "layer_0", lambda t: t["W_dec"].fill_(torch.nan), "W_dec: expected finite floats"),
    ("jumprelu", "layer_0", lambda t: t[THRESHOLD].fill_(-1), "threshold: expected numbers from 0"),
    ("jumprelu", "layer_0", lambda t: t.pop(THRESHOLD), "thresholds in 2 of 3 layers"),
    ("clt topk", "W_dec_1", lambda t: t.update(W_dec_1=t["W_dec_1"].mT), "W_dec: expected shape"),
    ("clt topk", "W_enc_1", lambda t: t.update(W_skip_1=torch.ones(5, 5)), "W_skip: expected no"),
]


@pytest.mark.project
@pytest.mark.parametrize("kind, name, change, words", BAD_TENSORS)
def test_malformed_weights_name_the_tensor(formats, saved, kind, name, change, words):
    folder, _ = saved(kind)
    path = folder / f"{name}.safetensors"
    tensors = {key: value.clone() for key, value in load_file(path).items()}
    change(tensors)
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    with pytest.raises(ValueError, match=words):
        formats.load_transcoders(folder)


@pytest.mark.project
def test_missing_layers_and_cut_files_raise(formats, saved, made):
    folder, by = saved("relu")
    path = folder / "layer_1.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="expected a safetensors file"):
        formats.load_transcoders(folder)
    path.unlink()
    with pytest.raises(ValueError, match=r"layer_1\.safetensors: expected"):
        formats.load_transcoders(folder)
    with pytest.raises(ValueError, match="without a gap"):
        formats.save_transcoders({0: by[0], 2: by[2]}, folder)
    with pytest.raises(ValueError, match="alike in all layers"):
        formats.save_transcoders({0: by[0], 1: made("relu", d_sae=8)}, folder)
    with pytest.raises(ValueError, match="one activation and k"):
        formats.save_transcoders({0: by[0], 1: made("topk")}, folder)


@pytest.mark.project
def test_a_clt_at_eight_bits_is_loaded(eight_bits, made, tmp_path):
    clt, x = made("clt topk").float(), normal(20, 3, 5, seed=3).float()
    eight_bits.save_clt(clt, tmp_path, {"model": "tiny"})
    loaded = eight_bits.load_clt(tmp_path)
    for name, W in clt.state_dict().items():
        step = W.abs().amax() / 127 if name.startswith("W") else 0.0
        assert (loaded.state_dict()[name] - W).abs().max() <= step, name
    assert loaded.k == clt.k
    assert loaded(x).y_hat.shape == x.shape


@pytest.mark.project
@pytest.mark.parametrize(
    "change, words",
    [
        (lambda t: t.pop("b_enc"), r"b_enc: expected .* got None"),
        (lambda t: t.update(extra=torch.ones(2)), "extra: expected None"),
        (lambda t: t.update(W_enc=t["W_enc"].float()), "W_enc: expected"),
        (lambda t: t["W_dec_1_scale"].fill_(torch.inf), "W_dec_1_scale: expected finite numbers"),
    ],
)
def test_a_malformed_file_of_eight_bits_is_named(eight_bits, made, tmp_path, change, words):
    eight_bits.save_clt(made("clt topk"), tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = {name: value.clone() for name, value in load_file(path).items()}
    change(tensors)
    save_file(tensors, path)
    with pytest.raises(ValueError, match=words):
        eight_bits.load_clt(tmp_path)
    (tmp_path / "config.json").write_text('{"n_layers": 0}')
    with pytest.raises(ValueError, match="n_layers: expected an integer from 1 on, got 0"):
        eight_bits.load_clt(tmp_path)
