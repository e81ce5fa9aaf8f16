"""The feature viewer: what Python packs, and what a person sees in a real browser."""

import base64

import pytest
import torch

from chapters.look import Html, bars, data_block, features, pack_features, viewer
from tests.book.test_browser import CHROMIUM

TOKENS = [[" the", "</script><b>", "cat"], ["a"]]
ACTIVATIONS = torch.tensor(
    [[[0.0, 2.0], [1.0, 0.0], [4.0, 0.5]], [[2.0, 0.0], [9.0, 9.0], [9.0, 9.0]]]
)


def test_activations_are_packed_to_within_a_255th():
    data = pack_features(ACTIVATIONS, TOKENS, {1: "one"})
    assert data["texts"] == TOKENS
    (packed,) = data["features"]
    actual = torch.tensor(list(base64.b64decode(packed["acts"]))) * packed["max"] / 255
    expected = torch.tensor([2.0, 0.0, 0.5, 0.0])  # padding behind the second text is dropped
    torch.testing.assert_close(actual, expected, atol=2 / 255 / 2, rtol=0)
    assert (packed["id"], packed["label"]) == (1, "one")


def test_a_dead_feature_and_an_empty_text_are_packed():
    data = pack_features(torch.zeros(2, 3, 2), [["a"], []])
    assert [one["max"] for one in data["features"]] == [0.0, 0.0]


@pytest.mark.parametrize(
    "activations, tokens, words",
    [
        (ACTIVATIONS, TOKENS[:1], "expected tokens of 2 texts"),
        (ACTIVATIONS[:, :2], TOKENS, "at most 2 tokens"),
        (-ACTIVATIONS, TOKENS, "at least 0"),
        (ACTIVATIONS / 0, TOKENS, "finite"),
    ],
)
def test_what_cannot_be_shown_raises(activations, tokens, words):
    with pytest.raises(ValueError, match=words):
        features(activations, tokens)


def test_no_token_can_end_the_data():
    assert "<" not in data_block("features", '{"a": "</script><b>"}').split("json")[1][2:-70]


def test_html_is_short_in_a_terminal_and_saved_as_a_page(tmp_path):
    html = bars({"a<": 1.0, "b": -2.0}, "nats")
    assert "a&lt;" in html and len(repr(html)) < 80 and html._repr_html_() == html
    assert isinstance(html, Html)
    assert "<title>&lt;x&gt;</title>" in html.save(tmp_path / "x.html", "<x>").read_text("utf-8")


@pytest.mark.skipif(not CHROMIUM.exists(), reason="no browser: Debian's package chromium")
def test_a_person_can_read_the_viewer(tmp_path):
    from tests.book.program import run

    data = pack_features(ACTIVATIONS, TOKENS, {0: "zero", 1: "one"})
    own = data["features"][1] | {
        "id": 7,
        "label": "own",
        "rows": [[1, "top"]],
        "facts": "promotes b",
    }
    data["features"].append(own)
    page = viewer("features", data).save(tmp_path / "viewer.html")
    run("tests.book.drive_viewer", str(page))
