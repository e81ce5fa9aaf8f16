"""The viewers of one text: what Python packs is exact, and a person can read it in a browser."""

import ast
import base64
import json
import re
from types import SimpleNamespace

import pytest
import torch

from chapters import look
from docs._look import __main__ as mi_look
from docs._look.views import views
from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from tests.book.drive_text_viewers import HOSTILE
from tests.book.page_models import skip_without_models
from tests.book.program import ROOT, run
from tests.book.test_browser import CHROMIUM

TOKENS = [" the", HOSTILE, "cat"]
SQUARE = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 0.75, 0.25]])
FIRST = torch.eye(3)[:, :1] @ torch.ones(1, 3)
PATTERNS = torch.stack([torch.stack([SQUARE, FIRST.T]), torch.stack([SQUARE, SQUARE])])
WORDS = ["w0", "w1", "w2", HOSTILE]
SHARES = torch.tensor(
    [
        [[0.1, 0.5, 0.25, 0.15], [0.5, 0.25, 0.125, 0.125], [0.125, 0.25, 0.125, 0.5]],
        [[0.125, 0.125, 0.5, 0.25], [0.5, 0.25, 0.125, 0.125], [0.125, 0.5, 0.25, 0.125]],
    ]
)
NAMES = ["embed", "head 0.0", "head 0.1", "mlp 0", "bias 0", "head 1.0", "head 1.1", "mlp 1"]
PARTS = torch.tensor([1.0, 0, 0, 0.75, 0.25, 0.25, -2, 0, 0.25])


def tiny_model(dtype=torch.double):
    torch.manual_seed(1)
    sizes = {"d_model": 8, "n_heads": 2, "d_head": 4, "d_mlp": 16, "d_vocab": 30, "n_ctx": 9}
    model = HookedTransformer(TransformerConfig(n_layers=4, **sizes)).to(dtype)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


class Numbers:
    """A tokenizer whose tokens are numbers."""

    def decode(self, ids, skip_special_tokens=True):
        return str(ids[0])


def test_attribution_sums_to_the_logit_of_the_prediction():
    model, tokens = tiny_model(), torch.randint(30, (1, 7))
    data = views(model, Numbers(), tokens)["attribution"]
    parts = torch.tensor(data["values"]).sum(dim=(1, 2))
    actual = parts + torch.tensor(data["start"]) + torch.tensor(data["rest"])
    expected = model(tokens)[0].max(dim=-1)
    assert data["targets"] == [str(i) for i in expected.indices.tolist()]
    assert data["columns"] == ["0", "1", "mlp", "bias"]
    torch.testing.assert_close(actual, expected.values.float(), atol=0.02, rtol=0)


def test_patterns_are_packed_to_within_half_a_255th():
    model, tokens = tiny_model(torch.float), torch.randint(30, (1, 5))
    data = views(model, Numbers(), tokens, (2, 1))["patterns"]
    _, cache = model.run_with_cache(tokens)
    rows, columns = torch.tril_indices(5, 5)
    expected = torch.stack([cache[f"blocks.{i}.attn.hook_pattern"][0] for i in range(4)])
    actual = torch.tensor(list(base64.b64decode(data["patterns"]))).view(4, 2, 15) / 255
    assert (actual - expected[:, :, rows, columns]).abs().max() <= 0.5 / 255 + 1e-6
    assert (data["layers"], data["heads"], data["start"]) == (4, 2, [2, 1])


def test_the_lens_keeps_tokens_and_ranks():
    data = look.pack_lens(SHARES.log(), TOKENS, WORDS.__getitem__, n_words=1)
    words = [[data["words"][cell[0]] for cell in layer] for layer in data["top"]]
    assert words == [["w1", "w0", HOSTILE], ["w2", "w0", "w1"]]
    assert data["answer"]["ranks"] == [[1, 0, 1], [0, 0, 0]]
    assert data["answer"]["shares"] == [[0.25, 0.5, 0.25], [0.5, 0.5, 0.5]]


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: look.pattern(PATTERNS, TOKENS[:2]), "expected patterns of 2 tokens"),
        (lambda: look.pattern(PATTERNS.mT, TOKENS), "no attention to later keys"),
        (lambda: look.pattern(PATTERNS, TOKENS, (2, 0)), "expected a head of 2 x 2"),
        (lambda: look.pattern({"hook_z": SQUARE}, TOKENS), "cache with hook_pattern"),
        (lambda: look.lens(SHARES, TOKENS[:2], str), "2 tokens"),
        (lambda: look.attribution(SHARES[0], NAMES, TOKENS, TOKENS), "expected contributions"),
        (lambda: look.heads(torch.tensor([[torch.nan]])), "expected finite values"),
    ],
)
def test_what_cannot_be_shown_raises(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_mi_look_writes_one_page_of_three_views(tmp_path, monkeypatch, capsys):
    ids = SimpleNamespace(ids=[3, 1, 4])
    numbers = SimpleNamespace(encode=lambda text: ids, decode=Numbers().decode)
    model = tiny_model(torch.float)
    monkeypatch.setattr(mi_look, "load_pretrained", lambda name: (model, numbers))
    page = tmp_path / "look.html"
    assert mi_look.main(["--no-open", "--out", str(page), "<i>"]) == 0
    written = page.read_text("utf-8")
    assert "&lt;i&gt;" in written and "<i>" not in written
    assert re.findall(r'data-kind="(\w+)" data-search', written) == [
        "patterns",
        "lens",
        "attribution",
    ]
    ids.ids = [1]
    assert mi_look.main(["a"]) == 1 and "2 to 60 tokens, got 1" in capsys.readouterr().err


def test_the_cells_of_the_notebook_page_show_viewers():
    page = (ROOT / "docs/notebook.md").read_text("utf-8")
    skip_without_models(page)
    cells = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    space = {}
    for cell in cells:
        tree = ast.parse(cell.replace("from chapters.ch", "from solutions.ch"))
        last = ast.Expression(tree.body.pop().value)
        exec(compile(tree, "cell", "exec"), space)
        assert isinstance(eval(compile(last, "cell", "eval"), space), look.Html), cell
    assert len(cells) == 3


@pytest.mark.skipif(not CHROMIUM.exists(), reason="no browser: Debian's package chromium")
def test_a_person_can_read_the_viewers(tmp_path):
    contributions = PARTS[:, None] * torch.tensor([1.0, 0, 1])
    html = look.Html(
        look.pattern(PATTERNS, TOKENS, (0, 1))
        + look.lens(SHARES.log(), TOKENS, WORDS.__getitem__, ["embed", "1"])
        + look.attribution(contributions, [*NAMES, "norm bias"], TOKENS, ["a", HOSTILE, "c"])
        + look.heads(torch.tensor([[1.0, 0.0], [-0.5, 0.0]]), "nats <b>")
    )
    run("tests.book.drive_text_viewers", str(html.save(tmp_path / "viewers.html")))


@pytest.mark.project
def test_page_2b_counts_the_kinds_of_the_heads_shown():
    data = json.loads((ROOT / "docs/figures/ch02_patterns.json").read_text("utf-8"))
    n = len(data["tokens"])
    packed = torch.tensor(list(base64.b64decode(data["patterns"]))) / 255
    patterns = torch.zeros(data["layers"] * data["heads"], n, n)
    patterns[:, *torch.tril_indices(n, n)] = packed.view(len(patterns), -1)
    late = torch.arange(len(patterns)) // data["heads"] > 11
    keys = torch.arange(2, n)
    rows = {"the first token": 0 * keys, "the previous token": keys - 1, "its own token": keys}
    kinds = [patterns[:, 2:].gather(2, k.expand(len(late), -1)[..., None]) for k in rows.values()]
    found = torch.stack([kind.mean(dim=(1, 2)) > 0.5 for kind in kinds])
    found = torch.cat([found, ~found.any(dim=0, keepdim=True)])
    page = (ROOT / "docs/ch02_layers.md").read_text("utf-8")
    for name, heads in zip([*rows, "none of these alone"], found, strict=True):
        row = f"| {name} | {(heads & ~late).sum()} | {(heads & late).sum()} |"
        assert row in page, f"expected the row {row}"
