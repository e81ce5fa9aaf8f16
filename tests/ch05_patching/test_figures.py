"""The claims of chapter 5's pages, checked on the numbers of their figures."""

import json
from pathlib import Path

import pytest
import torch

from toy_models import folder

pytestmark = pytest.mark.project
FIGURES = Path(__file__).resolve().parents[2] / "docs/figures"


def numbers(name):
    return json.loads((FIGURES / f"ch05_{name}.json").read_text(encoding="utf-8"))["numbers"]


def mean(values):
    return sum(values) / len(values)


def heads(entries):
    return {entry["head"]: entry for entry in entries}


def test_the_name_moves_from_s2_to_end_in_two_steps():
    facts = numbers("both_ways")
    assert all(4.85 < value < 5.95 for value in facts["clean"])
    assert all(-0.55 < value < 0.06 for value in facts["corrupted"])
    for way, s2, end in (("denoise", 0.42, 0.55), ("noise", 0.40, 0.51)):
        shares = torch.tensor(facts[way])
        assert shares[:, :17, 0].min() > 0.98, "all of it at S2 up to block 16"
        assert shares[:, 25:, -1].min() > 0.84, "at END from block 25 on"
        assert shares[:, 21, 0].mean() == pytest.approx(s2, abs=0.01)
        assert shares[:, 21, -1].mean() == pytest.approx(end, abs=0.01)
        assert shares[:, 24, 0].max() < 0.2 < shares[:, 23, 0].min(), "the second step"


def test_both_directions_agree_on_a_chain():
    facts = numbers("both_ways")
    denoised, noised = (torch.tensor(facts[way]).mean(dim=0) for way in ("denoise", "noise"))
    assert (denoised - noised).abs().max() < 0.15


def test_nulls_of_the_residual_stream_are_small():
    facts = numbers("both_ways")
    for way in ("denoise", "noise"):
        assert torch.tensor(facts[f"null_{way}"]).abs().max() < 0.075
    assert max(facts["before_s2"]) < 1.1e-5, "before S2 both prompts are the same"


def test_one_head_is_necessary_and_three_are_sufficient():
    named = numbers("directions")["named"]
    assert min(named["20.0"]["lost"]) > 0.34 and max(named["20.0"]["lost"]) < 0.54
    assert mean(named["20.0"]["lost"]) == pytest.approx(0.47, abs=0.01)
    assert max(map(abs, named["20.0"]["back"])) < 0.02
    for head, back in (("23.0", 0.22), ("23.2", 0.22), ("23.7", 0.13)):
        assert mean(named[head]["back"]) == pytest.approx(back, abs=0.01)
        assert -0.08 < min(named[head]["lost"]) and max(named[head]["lost"]) < 0.05


def test_probability_at_its_floor_shows_no_head():
    facts = numbers("metrics")
    missed = heads(facts["overlooked"]["denoise"])
    assert len(missed) == 10
    against = {head for head, entry in missed.items() if entry["logit_diff"] < 0}
    assert against == {"24.4", "24.5", "24.7", "29.0"}
    assert max(entry["logit_diff"] for entry in missed.values()) > 2.5
    assert all(abs(entry["probability"]) < 0.02 for entry in facts["largest"]["denoise"])
    assert mean(facts["ends"]["clean_probability"]) == pytest.approx(0.40, abs=0.01)
    assert mean(facts["ends"]["corrupted_probability"]) == pytest.approx(0.0007, abs=0.0001)


def test_noised_both_metrics_show_negative_heads():
    facts = numbers("metrics")
    assert list(heads(facts["overlooked"]["noise"])) == ["24.7"]
    assert sum(abs(one["logit_diff"]) > 0.3 for one in facts["largest"]["noise"]) == 7
    mover = heads(facts["movers_and_inhibitors"]["noise"])["23.0"]
    assert abs(mover["logit_diff"]) < 0.03 and mover["probability"] < -0.09


def test_jaccard_indices_are_those_of_the_page():
    jaccard = numbers("metrics")["jaccard"]
    assert min(jaccard["probability"]) == 0.25 and max(jaccard["probability"]) < 0.67
    assert jaccard["redrawn"] == [1, 1, 1]
    assert sorted(jaccard["gaussian"])[1:] == [1, 1] and min(jaccard["gaussian"]) > 0.66
    assert all(0.66 < value < 0.67 for value in jaccard["other names"])


def test_one_head_depends_on_the_object():
    facts = numbers("metrics")
    worst = facts["null_largest"][0]
    assert worst["head"] == "24.4" and max(map(abs, worst["each_logit_diff"])) > 2.3
    assert all(abs(entry["logit_diff"]) < 0.3 for entry in facts["null_largest"][1:])


def test_a_sweep_costs_a_fraction_of_the_loop():
    facts = numbers("cost")
    sweeps = {name: one for name, one in facts.items() if ": " in name}
    assert [one["patches"] for one in sweeps.values()] == [144, 192, 270]
    for one, most in zip(sweeps.values(), (4.3, 36, 8.2)):
        assert min(one["naive"]) > 0.95 * one["patches"]
        assert max(one["reuse"]) < most
        assert one["difference"] < 2e-5


def test_two_heads_affect_the_movers_and_mlps_cancel_some():
    facts = numbers("path_real")
    assert min(facts["correlation"]) > 0.97
    for kind, first, second in (("recomputed", -1.25, -0.25), ("frozen", -1.73, -0.52)):
        top = facts["largest"][kind]
        assert [top[0]["head"], top[1]["head"]] == ["20.0", "19.2"]
        assert top[0]["mean"] == pytest.approx(first, abs=0.01)
        assert top[1]["mean"] == pytest.approx(second, abs=0.01)
    for kept, answered in zip(
        *(facts["largest"][kind][0]["each"] for kind in ("frozen", "recomputed"))
    ):
        assert kept < answered < 0
    assert [one["head"] for one in facts["largest_difference"][:2]] == ["20.0", "19.2"]


def test_other_paths_are_within_the_null():
    facts = numbers("path_real")
    ours = [one["head"] for one in facts["largest"]["recomputed"]]
    assert ours[:3] == ["20.0", "19.2", "21.5"]
    signs = [value > 0 for value in facts["largest"]["recomputed"][2]["each"]]
    assert len(set(signs)) == 2, "21.5 changes its sign"
    assert all(abs(one["mean"]) < 0.06 for one in facts["largest"]["recomputed"][3:])
    assert max(facts["null"]["largest_of_each_set"]) < 0.38
    assert abs(facts["null"]["largest_mean"][0]["mean"]) < 0.065


def test_senders_behind_the_receivers_tell_them_nothing():
    behind = numbers("path_real")["behind_the_receivers"]
    assert all(value < 1e-6 for values in behind.values() for value in values)


@pytest.fixture
def mini_project(impl, Site, metrics, path):
    """Change of the logit difference along each path, [sender, receiver], and its whole span."""

    def run(seed, step):
        texts = impl("ch04_induction.texts").repeated_segments
        load_pretrained = impl("ch02_transformer.pretrained").load_pretrained
        model, _ = load_pretrained(folder("induction_2l", seed, step))
        clean, other = (texts(64, 64, 20, 2, torch.Generator().manual_seed(n)) for n in (5, 7))
        differ = clean[:, 35] != other[:, 35]
        clean, other = clean[differ], other[differ]
        words = clean[:, 35], other[:, 35]
        clean, other = clean[:, :35], other[:, :35]
        heads = [Site("attn.hook_z", 0, head=head) for head in range(2)]
        senders = [heads, [Site("hook_resid_pre", 0)]]
        base, end = (
            metrics.logit_diff(model(tokens)[:, -1], *words).mean() for tokens in (clean, other)
        )
        metric = metrics.logit_diff_from_resid(model, *words)
        into = [[Site(f"attn.hook_{side}", 1, head=head) for head in range(2)] for side in "qkv"]
        told = [path.path_patch(model, clean, other, senders, one, metric) for one in into]
        changes = base - torch.stack([one.mean(dim=1) for one in told], dim=1)
        return changes / (base - end), base - end

    return run


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_mini_project_has_an_answer(mini_project, seed):
    (heads_to, embedding_to), span = mini_project(seed, 1000)
    q, k, v = heads_to.tolist()
    assert span > 14 and 0.4 < k < 0.55 and abs(q) < 0.02 and v < 0.15 and k > 3 * v
    q, k, v = embedding_to.tolist()
    assert 0.4 < q < 0.55 and abs(k) < 0.02 and v > 0.9
    assert mini_project(0, 1)[1].abs() < 1, "an untrained model has nothing to explain"
