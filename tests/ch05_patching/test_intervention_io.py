"""Interventions as files: what is saved comes back bit for bit, and what is not one is refused."""

import json
import os
import random

import pytest
import torch

from .bad_files import GONE, REFUSED, whole

pytestmark = pytest.mark.project

HEADED = ("attn.hook_z", "attn.hook_k", "attn.hook_pattern")
HOOKS = (*HEADED, "hook_resid_pre", "mlp.hook_post", "hook_embed", "ln_final.hook_normalized")
NUMBERS = (0.0, -0.0, 1 / 3, 5e-324, -1e-45, 1.0000001, 16777217.0, 3.4e38, 2.0**-126)


def position(chance):
    """One, a row, rows, or none."""
    kind = chance.randrange(4)
    some = [tuple(chance.randrange(-9, 99) for _ in range(3)) for _ in range(chance.randint(1, 3))]
    return (None, chance.randrange(-9, 99), some[0], tuple(some))[kind]


def tensor(chance):
    """A value of any rank, with numbers that a sloppy format would round."""
    shape = [chance.randint(1, 3) for _ in range(chance.randrange(5))]
    dtype = chance.choice([torch.float32, torch.float64])
    size = torch.Size(shape).numel()
    row = [chance.choice([*NUMBERS, chance.gauss(0, 1)]) for _ in range(size)]
    return torch.tensor(row, dtype=dtype).reshape(shape)


def intervention(interventions, Site, chance):
    """Any intervention that can be said."""
    hook, fields = chance.choice(HOOKS), {}
    if hook in HEADED and chance.random() < 0.5:
        fields["head"] = chance.choice([0, 3, (4, 1), (0,)])
    if chance.random() < 0.4:
        fields["neuron"] = chance.choice([7, (5, 2, 11)])
    elif chance.random() < 0.4:
        square = torch.tensor([[chance.gauss(0, 1) for _ in range(4)] for _ in range(4)])
        rows = torch.linalg.qr(square.double())[0][: chance.randint(1, 3)]
        fields["direction"] = tuple(map(tuple, rows.tolist()))
    layer = None if hook.startswith(("hook_embed", "ln")) else chance.randrange(40)
    site = Site(hook, layer, position=position(chance), **fields)
    action, during = (
        chance.choice(["zero", "replace", "add", "scale"]),
        chance.choice(["all", "prompt", "generated"]),
    )
    if action == "zero":
        return interventions.Intervention(site, action, during=during)
    if chance.random() < 0.5:
        return interventions.Intervention(site, action, value=tensor(chance), during=during)
    run = interventions.FromRun(
        chance.choice(["abc", "Ünï \n"]), position(chance), chance.random() < 0.5
    )
    return interventions.Intervention(site, action, source=run, during=during)


def test_a_saved_file_is_loaded_bit_for_bit(interventions, intervention_io, Site, tmp_path):
    chance, path = random.Random(5), tmp_path / "some.json"
    for _ in range(60):
        saved = [intervention(interventions, Site, chance) for _ in range(chance.randrange(6))]
        intervention_io.save_interventions(saved, path)
        actual = intervention_io.load_interventions(path)
        assert len(actual) == len(saved)
        for one, other in zip(saved, actual, strict=True):
            assert (one.site, one.action, one.during) == (other.site, other.action, other.during)
            assert one.source == other.source and (one.value is None) == (other.value is None)
            if one.value is not None:
                assert one.value.dtype == other.value.dtype and one.value.shape == other.value.shape
                bits = torch.int32 if one.value.dtype == torch.float32 else torch.int64
                same = one.value.reshape(-1).view(bits).equal(other.value.reshape(-1).view(bits))
                assert same, "a number actual back as another, or -0 as 0"
    assert [file.name for file in tmp_path.iterdir()] == ["some.json"]


def test_a_file_is_readable_and_reproducible(interventions, intervention_io, Site, tmp_path):
    one = interventions.Intervention.patch(Site("attn.hook_z", 2, head=1, position=-1), "corrupted")
    for name in ("a", "b"):
        intervention_io.save_interventions([one], tmp_path / name)
    text = (tmp_path / "a").read_text()
    assert text == (tmp_path / "b").read_text()
    for words in ('"hook": "attn.hook_z"', '"layer": 2', '"position": -1', '"run": "corrupted"'):
        assert words in text


def load(intervention_io, text, folder):
    """What a file with that text is read as."""
    path = folder / "given.json"
    path.write_bytes(text if type(text) is bytes else text.encode())
    return intervention_io.load_interventions(path)


@pytest.mark.parametrize("place, new, says", REFUSED)
def test_one_wrong_field_raises_with_its_place(intervention_io, tmp_path, place, new, says):
    content = whole()
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    if not place:
        content = new
    elif new is GONE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = new
    with pytest.raises(ValueError) as refusal:
        load(intervention_io, json.dumps(content), tmp_path)
    assert says in str(refusal.value) and len(str(refusal.value)) < 500


def test_the_good_file_is_loaded(intervention_io, tmp_path):
    first, second = load(intervention_io, json.dumps(whole()), tmp_path)
    assert first.value.tolist() == [[0.5, 1.0]] and second.source.run == "other"


GOOD = json.dumps(whole())


@pytest.mark.parametrize(
    "text, says",
    [
        (b"", "Expecting value"),
        (b"\x80\x04\x95\x00\xff", "'utf-8' codec"),
        (b"\xff\xfe" + GOOD.encode("utf-16-le"), "'utf-8' codec"),
        (GOOD[:-1], "Expecting"),
        (GOOD + "{}", "Extra data"),
        (GOOD.replace('"layer": 1', '"layer": 1, "layer": 2', 1), "expected each field once"),
        ('{"a":' * 100_000, "nested too deep"),
        ('{"format": "interventions", "version": 1, "interventions": ' + "[" * 200_000, "too deep"),
        (GOOD.replace("[0.5", "[" * 500 + "0.5"), "Expecting"),
        (GOOD.replace("0.5", "1e999"), "numbers[0]: expected a finite float, got inf"),
        (GOOD.replace("0.5", "9" * 5000), "value has 5000 digits"),
        (GOOD.replace("0.5", "[" * 90 + "]" * 90), "numbers[0]: expected a finite float, got [["),
    ],
    ids=range(12),
)
def test_other_files_raise(intervention_io, tmp_path, text, says):
    with pytest.raises(ValueError) as refusal:
        load(intervention_io, text, tmp_path)
    assert says in str(refusal.value) and len(str(refusal.value)) < 500


def test_a_file_too_long_is_not_read_or_written(
    interventions, intervention_io, Site, tmp_path, monkeypatch
):
    path = tmp_path / "long.json"
    one = interventions.Intervention.put(Site("hook_embed"), torch.ones(400))
    intervention_io.save_interventions([one], path)
    monkeypatch.setattr(intervention_io, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(ValueError, match=r"long\.json: expected at most \d+ bytes, got more"):
        intervention_io.load_interventions(path)
    with pytest.raises(ValueError, match="expected at most"):
        intervention_io.save_interventions([one], tmp_path / "other.json")
    assert [file.name for file in tmp_path.iterdir()] == ["long.json"]


@pytest.mark.parametrize(
    "value, says",
    [
        (
            torch.ones(2, dtype=torch.bfloat16),
            r"\[0\].value.dtype: expected float32 or float64, got 'bfloat16'",
        ),
        (torch.tensor([1, 2]), "dtype: expected float32 or float64, got 'int64'"),
        (torch.tensor([1.0, float("nan")]), r"numbers\[1\]: expected a finite float, got nan"),
        (torch.ones(1, 1, 1, 1, 2), r"at most 4 axes, got \[1, 1, 1, 1, 2\]"),
        (torch.ones(2, 0), r"a shape of 0 entries on .*, got \[2, 0\]"),
    ],
)
def test_values_that_cannot_be_loaded_are_not_saved(
    interventions, intervention_io, Site, tmp_path, value, says
):
    path = tmp_path / "kept.json"
    path.write_text("before")
    with pytest.raises(ValueError, match=says):
        intervention_io.save_interventions(
            [interventions.Intervention.put(Site("hook_embed"), value)], path
        )
    assert path.read_text() == "before"


@pytest.mark.parametrize("at", ["write_text", "replace"])
def test_an_interrupted_save_keeps_the_old_file(intervention_io, tmp_path, monkeypatch, at):
    path = tmp_path / "kept.json"
    path.write_text("before")
    write = intervention_io.Path.write_text

    def interrupted(self, *given, **named):
        if at == "write_text":
            write(self, given[0][:9], **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(intervention_io.Path, at, interrupted)
        intervention_io.save_interventions([], path)
    assert path.read_text() == "before" and len(list(tmp_path.iterdir())) == 1
    intervention_io.save_interventions([], path)
    assert intervention_io.load_interventions(path) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.timeout(20)
def test_a_pipe_or_folder_is_refused_before_it_is_read(intervention_io, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ValueError, match="expected a file, got a folder, a pipe or a device"):
            intervention_io.load_interventions(path)
