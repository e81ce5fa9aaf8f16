"""`mi graph` on a small random model: what it chooses, and what it refuses."""

from types import SimpleNamespace

import pytest
import torch

from docs._graph.build import Question, build
from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch02_transformer.model import LLAMA

VOCABULARY = 30
WORDS = {"the": 0, "keys": 1, "key": 2, "to": 3, "are": 4, "is": 5}


def encode(text):
    ids = [WORDS.get(word, hash_of(word)) for word in text.split()]
    return SimpleNamespace(ids=ids)


def hash_of(word):
    return 6 + sum(map(ord, word)) % (VOCABULARY - 6)


TOKENIZER = SimpleNamespace(encode=encode, decode=lambda ids: f" w{ids[0]}")


@pytest.fixture(scope="module")
def model():
    sizes = TransformerConfig(
        3, 12, 2, 6, 20, VOCABULARY, n_ctx=16, activation="silu", n_kv_heads=1
    )
    made = HookedTransformer(sizes, LLAMA, seed=0).double()
    generator = torch.Generator().manual_seed(1)
    for weight in made.parameters():
        weight.requires_grad_(False)
        weight += 0.3 * torch.randn(weight.shape, generator=generator, dtype=torch.float64)
    return made


@pytest.mark.parametrize("contrast", [None, "the key to"])
def test_the_file_adds_up_to_the_logit_difference(model, contrast):
    built = build(Question("the keys to", contrast, ("are", "is")), model, TOKENIZER, 25)
    logits = model(torch.tensor([[0, 1, 3]]))[0, -1]
    expected = float(logits[4] - logits[5])
    *_, output = built.content["nodes"]
    assert output["total"] == pytest.approx(expected, abs=1e-6)
    into = [one["weight"] for one in built.content["links"] if one["target"] == output["node_id"]]
    assert sum(into) == pytest.approx(expected, abs=1e-5)
    units = [one for one in built.content["nodes"] if one["kind"] == "neuron"]
    assert 0 < len(units) <= 25 and all(one["ctx_idx"] > 0 for one in units)
    assert all(one["writes"] and one["fires"] for one in units)
    assert all((one["effects"]["swap"] is None) == (contrast is None) for one in units)


def test_a_change_adds_up_to_the_change_of_the_logit_difference(model):
    question = Question("the keys to", "the key to", ("are", "is"), change=True)
    built = build(question, model, TOKENIZER, 25)
    logits = model(torch.tensor([[0, 1, 3], [0, 2, 3]]))[:, -1]
    difference = logits[:, 4] - logits[:, 5]
    *_, output = built.content["nodes"]
    expected = pytest.approx(float(difference[0] - difference[1]), abs=1e-5)
    into = [one["weight"] for one in built.content["links"] if one["target"] == output["node_id"]]
    assert output["total"] == expected and sum(into) == expected
    assert built.content["metadata"]["prompt_tokens"][1] == " w1/ w2"
    assert {"attention", "norm"} <= {one["kind"] for one in built.content["nodes"]}


def test_a_single_prompt_is_explained_around_the_mean_logit(model):
    built = build(Question("the keys to", None, None), model, TOKENIZER, 10)
    logits = model(torch.tensor([[0, 1, 3]]))[0, -1]
    expected = float(logits.max() - logits.mean())
    assert built.content["nodes"][-1]["total"] == pytest.approx(expected, abs=1e-6)
    assert built.content["metadata"]["metric"].endswith("the mean logit")


def test_predicted_removal_of_a_last_layer_neuron_is_measured(model):
    """Its only path is direct: gradient times activation is exact with the norm held fixed."""
    built = build(Question("the keys to", "the key to", ("are", "is")), model, TOKENIZER, 40)
    last = [
        one
        for one in built.content["nodes"]
        if one["kind"] == "neuron" and one["layer"] == "2" and one["ctx_idx"] == 2
    ]
    assert last
    output = built.content["nodes"][-1]["node_id"]
    weights = {
        link["source"]: link["weight"]
        for link in built.content["links"]
        if link["target"] == output
    }
    for one in last:
        if one["node_id"] in weights:
            assert one["effects"]["off"] == pytest.approx(-weights[one["node_id"]], rel=1e-5)


@pytest.mark.parametrize(
    "question, words",
    [
        (Question("the keys to", "the key", None), "equal length, got 3 and 2"),
        (Question("the keys to", "the keys to", None), "two prompts that differ"),
        (Question("the keys to", None, None, change=True), "expected a contrast"),
        (Question("the", None, None), "2 to 48 tokens, got 1"),
        (Question("the keys to", None, ("are is", "is")), "expected one token"),
        (Question("the keys to", None, ("is", "is")), "different next tokens"),
    ],
)
def test_a_question_without_an_answer_is_refused(model, question, words):
    with pytest.raises(ValueError, match=words):
        build(question, model, TOKENIZER)
