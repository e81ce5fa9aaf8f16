"""The experiment of chapter 8: the blind measure, the matchings, ablations, dashboards."""

import base64
import re

import pytest
import torch

import toy_models
from docs._figures.monosemanticity import contexts, dashboards, effects, labels, matching
from docs._figures.monosemanticity import text_models as texts
from docs._figures.monosemanticity.units import DENSITY, strongest_only
from solutions.ch02_transformer import load_pretrained
from solutions.ch05_patching import Intervention, apply_interventions
from solutions.ch08_saes import feature_site, splice
from solutions.ch08_saes.vanilla import VanillaSAE

pytestmark = pytest.mark.project


@pytest.fixture(scope="module")
def words():
    return contexts.vocabulary(texts.tokenizer())


@pytest.fixture(scope="module")
def parts(words):
    """Windows of held-out text and their partitions."""
    windows = texts.held_out_windows(per_kind=12)
    return contexts.partitions(windows, words, contexts.frequent_pairs(windows, len(words)))


@pytest.mark.parametrize(
    "token, expected",
    [
        (" the", "a word in small letters"),
        ("\n    ", "a line break"),
        ("    ", "spaces only"),
        ("7", "a digit"),
        (" The", "a word with a capital"),
        ("__", "something with an underscore"),
        ("ing", "a piece in small letters"),
        (" (", "an opening bracket"),
        ("'s", "anything else"),
    ],
)
def test_a_token_has_one_class(token, expected):
    assert contexts.CLASSES[contexts.class_of(token)][0] == expected


def test_every_position_is_in_one_cell_of_each_partition(parts):
    for partition in parts:
        assert len(partition.cell) == 36 * 126, partition.name
        assert 0 <= partition.cell.min() and partition.cell.max() < partition.n_cells
    assert len({partition.name for partition in parts}) == len(parts) == 10


def test_planted_phrases_are_found_and_score_one(parts, words):
    by_name = {partition.name: partition for partition in parts}
    of = words.index(" of")
    generator = torch.Generator().manual_seed(0)
    n = len(parts[0].cell)
    strength = 1 + torch.rand(n, generator=generator) / 10
    planted = [
        (by_name["token"].cell == of) * strength,
        (by_name["class"].cell == 2) * strength,
        (by_name["token before"].cell == of) * strength,
        (by_name["kind"].cell == 1) * strength,
        torch.rand(n, generator=generator),
    ]
    acts = torch.stack(planted, dim=1)
    found = labels.find_labels(acts, parts)
    actual = [found.text(unit, parts) for unit in range(4)]
    assert actual == [
        "the token is `\u00b7of`",
        "the token is a digit",
        "the token before is `\u00b7of`",
        "prose",
    ]
    scores = labels.score_labels(acts, parts, found)
    assert scores.correlation[:4].min() > 0.98 and scores.correlation[4] < 0.1
    assert scores.firing[:4].min() == 1 and scores.top[:4].min() == 1
    assert scores.token[0] > 0.98 and abs(scores.token[4]) < 0.05
    swapped = labels.Labels(*(part.roll(1) for part in found))
    others = labels.score_labels(acts, parts, swapped).correlation
    assert others.abs().max() < 0.3


def test_a_silent_unit_scores_zero(parts):
    acts = torch.zeros(len(parts[0].cell), 1)
    scores = labels.score_labels(acts, parts, labels.find_labels(acts, parts))
    assert scores.correlation.item() == 0 and scores.firing.isnan().all()


def test_thresholded_neurons_fire_as_rarely_as_features():
    x = torch.randn(4096, 5, generator=torch.Generator().manual_seed(1)).relu()
    kept = strongest_only(x)(x)
    assert torch.equal((kept > 0).sum(dim=0), torch.full((5,), round(4096 * DENSITY)))
    assert torch.equal(kept[kept > 0], x[kept > 0])


def test_best_correlations_are_pearsons():
    generator = torch.Generator().manual_seed(2)
    x, y = torch.rand(50, 3, generator=generator), torch.rand(50, 4, generator=generator)
    y[:, 2] = 5 - 2 * x[:, 1]
    expected = torch.corrcoef(torch.cat([x, y], dim=1).T)[:3, 3:].max(dim=1).values
    torch.testing.assert_close(matching.best_correlations(x, y), expected, atol=1e-5, rtol=0)


def test_permuted_rows_match_and_shuffled_ones_do_not():
    rows = torch.randn(40, 16, generator=torch.Generator().manual_seed(3))
    assert matching.matched_cosines(rows, rows.flip(0)).min() > 0.999
    shuffled = matching.shuffled_rows(rows, seed=0)
    assert torch.equal(shuffled.sort(dim=0).values, rows.sort(dim=0).values)
    assert matching.matched_cosines(rows, shuffled).mean() < 0.7


def test_children_are_latents_near_a_parent():
    parents = torch.eye(3)
    latents = torch.tensor([[1.0, 0.1, 0], [1, 0, 0.2], [0, 1, 0], [1, 1, 1]])
    assert matching.children(parents, latents).tolist() == [2, 1, 0]
    assert matching.nearest_parent(parents, latents)[:3].tolist() == [0, 0, 1]


def test_shuffled_weights_keep_their_entries():
    model, _ = load_pretrained(toy_models.folder("text_1l"))
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    texts.shuffle_weights(model, seed=0)
    for name, weight in model.named_parameters():
        assert torch.equal(weight.flatten().sort().values, before[name].flatten().sort().values)
    assert not torch.equal(model.blocks[0].mlp.W_in, before["blocks.0.mlp.W_in"])


def test_a_batch_depends_on_the_step_alone(monkeypatch):
    text = {"verse": torch.randint(2048, (5000,), generator=torch.Generator().manual_seed(4))}
    monkeypatch.setattr(texts, "training_text", lambda: text)
    monkeypatch.setattr(texts, "BUFFER", 4)
    first, second = (texts.ActivationStream(texts.model("A"), 2.0, seed=5) for _ in range(2))
    in_order = [first.batch(step) for step in range(3)]
    assert in_order[0].shape == (texts.BATCH, texts.N_NEURONS)
    for step in (2, 0, 1):
        assert torch.equal(second.batch(step), in_order[step])


@pytest.fixture(scope="module")
def evidence():
    """A small untrained dictionary of model A with a few texts."""
    sae = VanillaSAE(texts.N_NEURONS, 24, 1.0, seed=6).requires_grad_(False)
    windows = texts.held_out_windows(per_kind=2)
    return sae, effects.gather_evidence(texts.model("A"), sae, windows)


def test_an_ablation_equals_the_spliced_model(evidence, monkeypatch):
    sae, found = evidence
    monkeypatch.setattr(effects, "FIRINGS", 10_000)
    model, tokens = texts.model("A"), found.windows.tokens
    latent = int((found.acts > 0).sum(dim=(0, 1)).argmax())
    actual = effects.ablate(model, sae, found, latent)
    clean = model(tokens).log_softmax(dim=-1)
    with splice(model, {texts.HOOK: sae}):
        site = feature_site(texts.HOOK, latent)
        with apply_interventions(model, [Intervention.put(site, torch.tensor(0.0))]):
            removed = model(tokens).log_softmax(dim=-1)
    active = found.acts[..., latent] > 0
    target = tokens[:, 1:, None]
    added = (clean - removed)[:, :-1].gather(2, target)[..., 0][active[:, :-1]]
    assert len(actual.loss) == len(added) > 100
    torch.testing.assert_close(actual.loss.mean(), added.mean(), atol=1e-5, rtol=0)
    expected = (removed - clean)[active].mean(dim=0)
    torch.testing.assert_close(actual.log_probs, expected, atol=1e-4, rtol=0)


def test_logit_weights_are_the_direct_path():
    model = texts.model("A")
    generator = torch.Generator().manual_seed(7)
    direction = torch.randn(texts.N_NEURONS, generator=generator)
    resid = torch.randn(1, 1, model.config.d_model, generator=generator)
    step = 1e-2 * (direction @ model.blocks[0].mlp.W_out)
    scale = resid.std(correction=0)
    change = (model.unembed_resid(resid + step) - model.unembed_resid(resid))[0, 0]
    expected = (change - change.mean()) * scale / 1e-2
    actual = effects.logit_weights(model, direction)
    similar = torch.cosine_similarity(actual, expected, dim=0)
    assert similar > 0.98, "equal up to the change of the norm's scale"


def test_examples_are_active_and_drawn_from_every_quarter(evidence):
    _, found = evidence
    acts = found.acts[..., 0]
    chosen = effects.choose_examples(acts, seed=0)
    assert len({example.window for example in chosen.top}) == len(chosen.top) <= 8
    for part in chosen:
        for window, start, stop in part:
            assert 0 <= start < stop <= 128 and acts[window, start:stop].max() > 0


def test_packed_examples_share_the_maximum_of_the_feature(evidence, words):
    _, found = evidence
    acts = found.acts[..., 1]
    examples = effects.choose_examples(acts, seed=0).top[:2]
    (shown,) = dashboards.pack(acts, examples, found, words, 1)["features"]
    levels = torch.tensor(list(base64.b64decode(shown["acts"]))) * shown["max"] / 255
    expected = torch.cat([acts[w, a:b] for w, a, b in examples])
    torch.testing.assert_close(levels, expected, atol=shown["max"] / 255, rtol=0)


def test_a_dashboard_needs_only_files_of_the_book(evidence, tmp_path, monkeypatch):
    sae, found = evidence
    monkeypatch.setattr(dashboards, "FOLDER", tmp_path)
    facts = {"label": "<b>", "score": "0.50", "top": "3", "firing": "4 %", "density": "5 %"}
    dashboards.write_dashboard(texts.model("A"), sae, found, 2, facts)
    dashboards.write_index({2: facts})
    page = (tmp_path / "feature_0002.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;" in page and "$" not in re.sub(r"<script.*?</script>|<text.*?>", "", page)
    assert page.count('class="mi-viewer"') == 3
    for link in re.findall(r'(?:src|href)="([^"]+)"', page):
        inside = dashboards.ROOT / "docs/dashboards" / link.replace(".html", ".md")
        assert link == "index.html" or "monosemanticity" in link or inside.is_file(), link
    assert 'href="feature_0002.html"' in (tmp_path / "index.html").read_text(encoding="utf-8")
