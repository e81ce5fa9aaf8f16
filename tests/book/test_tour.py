"""Tour stops on synthetic models with known answers."""

import re
import runpy
import sys
from types import SimpleNamespace

import pytest
import torch

from docs._figures.lib.plotting import render
from docs._figures.lib.theme import LIGHT
from docs._tour import __main__ as tour
from docs._tour import features as tour_features
from docs._tour.directions import directions
from docs._tour.induction import SHORTEST, induction, run_repeated
from docs._tour.stops import TourInput, ablation, ablation_costs, heads, logit_lens, predictions
from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch04_induction import head_scores
from solutions.ch09_sparsity import TopKSAE

VOCABULARY, WIDTH = 4000, 100
NAMES = {7: " ship", 8: " Ships", 9: " boat", 10: "12"}


@pytest.mark.parametrize("words", [["_tour"], ["_look", "a text"], ["_graph", "a text"]])
def test_one_thread_is_used(monkeypatch, tmp_path, words):
    """Small products dominate: with all threads the tour took nine times the CPU seconds."""
    threads = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setenv("MI_CACHE", str(tmp_path))  # without the real model each ends at once
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"docs.{words[0]}", run_name="__main__")
    assert ended.value.code == 1 and threads == [1]


@pytest.fixture
def source():
    """Random directions around a common mean; ' boat' is near ' ship' and its plural."""
    generator = torch.Generator().manual_seed(0)
    W_E = torch.randn(VOCABULARY, WIDTH, generator=generator)
    W_E[8], W_E[9] = 1.5 * W_E[7], W_E[7] + 0.5 * W_E[9]
    model = SimpleNamespace(embed=SimpleNamespace(W_E=W_E + 3))
    tokenizer = SimpleNamespace(decode=lambda ids: NAMES.get(ids[0], f"x{ids[0]}"))
    return TourInput(model, tokenizer, " ship12", torch.tensor([[7, 10]]), [" ship", "12"])


def test_random_embeddings_look_like_the_control(source):
    text = directions(source).text
    of_tokens, of_chance = (int(share) for share in re.findall(r"(\d+)%", text))
    # In 100 dimensions, 0.1 is one standard deviation of the cosine of two random directions.
    assert abs(of_tokens - 68) <= 1 and abs(of_chance - 68) <= 1, text


def test_the_nearest_word_is_not_the_plural(source):
    stop = directions(source)
    cosine = re.search(r"ship – boat (0\.\d\d)", stop.text)
    assert cosine and abs(float(cosine[1]) - 1 / 1.25**0.5) < 0.1, stop.text
    assert "12" not in stop.text.split("Nearest on your prompt")[1].split(";")[0]
    assert render("stop", stop.draw, LIGHT, stop.size).startswith("<?xml")


def test_a_prompt_without_words_is_drawn(source):
    stop = directions(source._replace(tokens=torch.tensor([[10]]), words=["12"]))
    assert "no whole word" in stop.text and render("stop", stop.draw, LIGHT, stop.size)


def look_back(tokens, names, stop_at_layer):
    """Return the patterns of two heads: head 0 attends to position 0, head 1 does induction."""
    rests = torch.zeros(*tokens.shape, tokens.shape[1])
    rests[..., 0] = 1
    looks = rests.clone()
    for text, row in enumerate(tokens.tolist()):
        for query, token in enumerate(row):
            if token in row[:query]:
                key = query - row[:query][::-1].index(token)
                looks[text, query] = torch.eye(len(row))[key]
    return None, {"blocks.0.attn.hook_pattern": torch.stack([rests, looks], dim=1)}


@pytest.mark.parametrize("length", [SHORTEST + 3, 3])
def test_the_induction_head_is_found_and_the_controls_differ(length):
    model = SimpleNamespace(
        config=SimpleNamespace(d_vocab=VOCABULARY, n_layers=1), run_with_cache=look_back
    )
    tokenizer = SimpleNamespace(decode=lambda ids: f"x{ids[0]}")
    words = [f"x{i}" for i in range(1, length + 1)]
    source = TourInput(model, tokenizer, "", torch.arange(1, length + 1)[None], words)
    stop, found = induction(source), run_repeated(source).scores[:, 0]
    assert found.tolist() == [[0, 1], [0, 1], [0, 0]]
    assert "0.1 attends most" in stop.text
    assert ("random tokens after it" in stop.text) == (length < SHORTEST)
    assert render("stop", stop.draw, LIGHT, stop.size).startswith("<?xml")


def test_scores_are_those_of_chapter_4():
    """The code that the stop shows gives the same scores on a random model."""
    model, tokens = tiny_model(), torch.arange(1, 13)[None]
    source = TourInput(model, None, "", tokens, [str(i) for i in range(12)])
    ours = run_repeated(source).scores[0]
    text = torch.cat([torch.zeros(1, 1, dtype=torch.long), tokens.repeat(1, 2)], dim=1)
    torch.testing.assert_close(ours, head_scores(model, text, period=12, n_bos=1).prefix)


def tiny_model():
    sizes = TransformerConfig(
        n_layers=3, d_model=8, n_heads=2, d_head=4, d_mlp=16, d_vocab=99, n_ctx=40
    )
    return HookedTransformer(sizes)


def test_ablation_costs_are_those_of_a_run_per_part():
    model, tokens = tiny_model(), torch.arange(1, 7)[None]
    token, actual = ablation_costs(model, tokens)
    clean = model(tokens)[0, -1].log_softmax(dim=-1)
    assert token == clean.argmax()
    for part in ("attn", "mlp"):
        hooks = [{f"blocks.{layer}.hook_{part}_out": lambda x, _: 0 * x} for layer in range(3)]
        runs = [model.run_with_hooks(tokens, hooks=one)[0, -1].log_softmax(dim=-1) for one in hooks]
        expected = torch.stack([clean[token] - run[token] for run in runs])
        torch.testing.assert_close(torch.tensor(actual[part]), expected, atol=1e-5, rtol=1e-4)


def test_every_stop_is_drawn_once(monkeypatch, tmp_path, capsys):
    words = [f"w{i}" for i in range(6)]
    tokenizer = SimpleNamespace(decode=lambda ids, **_: " ".join(f"w{i}" for i in ids))
    source = TourInput(tiny_model(), tokenizer, "prompt", torch.arange(6)[None], words)
    drawn = []
    original = tour.render
    monkeypatch.setattr(tour, "render", lambda *of: drawn.append(of[0]) or original(*of))
    monkeypatch.setattr(tour, "load_input", lambda prompt: source)
    monkeypatch.setattr(tour, "trace", lambda of, path: path.write_text(of.prompt))
    monkeypatch.setattr(tour, "STOPS", (predictions, logit_lens, heads, ablation))
    assert tour.main(["--out", str(tmp_path)]) == 0
    names = ["predictions", "logit_lens", "heads", "ablation"]
    assert drawn == [f"tour_{name}" for name in names]
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    pictures = re.findall(r'<img src="(.+?)"', page)
    assert pictures == [f"{name}.svg" for name in names]
    assert {path.name for path in tmp_path.iterdir()} == {"index.html", "graph.html", *pictures}
    assert (tmp_path / "graph.html").read_text() == "prompt" and 'href="graph.html"' in page
    kinds = re.findall(r'data-kind="(\w+)" data-search', page)
    assert kinds == ["attribution", "lens", "patterns"], "a viewer follows its stop"
    links = re.findall(r'href="\.\./site/(\w+)\.html"', page)
    assert set(links) > {"index", "ch02_hooks", "ch12_graphs"}
    assert all((tour.ROOT / "docs" / f"{link}.md").exists() for link in links), links
    assert "font/woff2;base64,d09GMg" in page, "the book's typeface"


def test_the_result_of_a_stop_is_bold_and_heads_are_a_list():
    written = tour.paragraphs("A <b> is 0.5. Then more.\n- one\n- two\nThe end.")
    assert written == (
        "<p><b>A &lt;b&gt; is 0.5. </b>Then more.</p><ul><li>one</li><li>two</li></ul>"
        "<p>The end.</p>"
    )


def test_the_latent_that_matters_is_found(monkeypatch):
    """Of three latents that are active at the end, one writes the direction of the answer."""
    model, tokens = tiny_model(), torch.tensor([[3, 1, 4, 1, 5]])
    sae = TopKSAE(8, 20, k=3, seed=1)
    monkeypatch.setattr(tour_features, "LAYER", 1)
    monkeypatch.setattr(tour_features, "load_sae", lambda _: sae)
    words = [f"w{i}" for i in range(5)]
    tokenizer = SimpleNamespace(decode=lambda ids: f"x{ids[0]}")
    stop = tour_features.features(TourInput(model, tokenizer, "", tokens, words))
    resid = model(tokens, stop_at_layer=2)
    clean = model.unembed_resid(model.run_blocks(resid, start=2))[0, -1].log_softmax(dim=-1)
    lost = {}
    for latent in sae.encode(resid)[0, -1].nonzero().flatten().tolist():
        without = resid.clone()
        without[0, -1] -= sae.encode(resid)[0, -1, latent] * sae.W_dec[latent]
        found = model.unembed_resid(model.run_blocks(without, start=2))[0, -1].log_softmax(dim=-1)
        lost[latent] = (found - clean)[clean.argmax()].item()
    most = max(lost, key=lambda latent: abs(lost[latent]))
    assert re.search(rf"removing {most}: \S+ \S+ changes", stop.text), (lost, stop.text)
    assert f"by {lost[most]:.2f}; the median" in stop.text
    assert render("stop", stop.draw, LIGHT, stop.size).startswith("<?xml")
