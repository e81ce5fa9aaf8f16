"""Build the neuron graph of a prompt, or of the contrast between two prompts.

1. Freeze each prompt, and carry the metric's direction back through the linearized model.
2. Show the neurons with the largest effect: activation times gradient, or with a contrast the
   change of the activation times the mean gradient of both prompts. Position 0 is left out.
3. Compute all edges between them, from everything else, and to the metric.
4. Note for each neuron what it writes, and in which words of some held-out text it is most active.
Axes: node, layer, pos, d_mlp, d_vocab.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer
from solutions.ch12_graphs.change_graph import Answers, change_graph
from solutions.ch12_graphs.contrast import (
    SINK,
    Run,
    answer_row,
    largest_nodes,
    run_prompt,
)
from solutions.ch12_graphs.export import Description, Notes, graph_json
from solutions.ch12_graphs.graph import Graph, attribution_graph
from solutions.ch12_graphs.local import LocalModel, norm_transpose
from solutions.ch12_graphs.logits import LogitTargets, difference_target, logit_targets
from solutions.ch12_graphs.pruning import PRUNED, prune
from solutions.ch12_graphs.relp import Where, neuron_basis, total_effects
from toy_models import real_text

LONGEST, N_WORDS, N_PLACES = 48, 5, 4
READ_TEXTS, READ_TOKENS, START = 6, 96, 4000
"""Texts, tokens of each, and the letter where they start: where neurons are searched for."""
EDGE_SHARE = 0.98
"""Share of the edges' scores that is kept; the rest of each row is in its remainder `pruned`."""


class Question(NamedTuple):
    """What the graph is to explain."""

    prompt: str
    """The prompt."""
    contrast: str | None
    """Another prompt with equally many tokens."""
    answers: tuple[str, str] | None
    """The two next tokens to compare; by default the most likely ones."""
    change: bool = False
    """Whether to explain the change from the contrast to the prompt, by the secant graph."""


class Setting(NamedTuple):
    """A question, in tokens and frozen runs."""

    runs: list[Run]
    """Of the prompt, and of the contrast if there is one."""
    answer: int
    """The next token that the graph explains."""
    against: int | None
    """The token whose logit is subtracted; None for the mean of all logits."""
    metric: str
    """Name of the difference of logits."""


class Built(NamedTuple):
    """A graph, with what the server needs to run the same prompts."""

    graph: Graph
    """The graph."""
    setting: Setting
    """Its question."""
    content: dict[str, Any]
    """Its file."""


def one_token(tokenizer: Tokenizer, text: str) -> int:
    """Encode a text that has to be one token.

    Raises: ValueError for more or fewer.
    """
    ids = tokenizer.encode(text).ids
    if len(ids) != 1:
        parts = [tokenizer.decode([i]) for i in ids]
        raise ValueError(f"expected one token, got {parts} for {text!r}; most begin with a space")
    return int(ids[0])


def encode_prompts(question: Question, tokenizer: Tokenizer) -> list[Tensor]:
    """Encode the prompts.

    Raises: ValueError when one is too short or too long, or they differ in length or not at all.
    """
    texts = [question.prompt] + [question.contrast] * (question.contrast is not None)
    tokens = [torch.tensor(tokenizer.encode(text).ids, dtype=torch.long) for text in texts]
    for one in tokens:
        if not 2 <= len(one) <= LONGEST:
            raise ValueError(f"expected a prompt of 2 to {LONGEST} tokens, got {len(one)}")
    if len(tokens[0]) != len(tokens[-1]):
        words = [" | ".join(tokenizer.decode([i]) for i in one) for one in tokens]
        raise ValueError(
            f"expected prompts of equal length, got {len(tokens[0])} and {len(tokens[1])} tokens; "
            f"change a word:\n  {words[0]}\n  {words[1]}"
        )
    if len(tokens) == 2 and torch.equal(*tokens):
        raise ValueError("expected two prompts that differ, got the same one twice")
    return tokens


def read_question(question: Question, model: HookedTransformer, tokenizer: Tokenizer) -> Setting:
    """Run the prompts, and choose the tokens to compare.

    Raises: ValueError when both prompts lead to the same token, so that a contrast shows nothing.
    """
    runs = [run_prompt(model, tokens) for tokens in encode_prompts(question, tokenizer)]
    likely = [int(run.local.logits[-1].argmax()) for run in runs]
    answer, against = likely[0], likely[1] if len(runs) == 2 else None
    if question.answers is not None:
        answer, against = (one_token(tokenizer, text) for text in question.answers)
    if answer == against:
        word = tokenizer.decode([answer])
        raise ValueError(
            f"expected prompts with different next tokens, got {word!r} for both; choose two with "
            '--answers " she" " he"'
        )
    names = [f"logit({tokenizer.decode([i])!r})" for i in (answer, against) if i is not None]
    return Setting(
        runs, answer, against, " − ".join([*names, *["the mean logit"] * (2 - len(names))])
    )


def metric_row(local: LocalModel, setting: Setting) -> Float[Tensor, "pos d_model"]:
    """Return the metric's direction in the residual stream before the final norm."""
    if setting.against is not None:
        return answer_row(local, setting.answer, setting.against)
    row = torch.zeros_like(local.embed)
    row[-1] = local.W_U[:, setting.answer] - local.W_U.mean(dim=1)
    return norm_transpose(local.norm_final, row[None])[0]


def metric_targets(local: LocalModel, setting: Setting) -> LogitTargets:
    """Return the metric as the target of a graph."""
    probability = local.logits[-1].softmax(dim=-1)[setting.answer]
    token = torch.tensor([setting.answer])
    if setting.against is not None:
        targets = difference_target(local, setting.answer, setting.against)
        return LogitTargets(token, probability[None], targets)
    return logit_targets(local, most=1)


def neuron_gradients(setting: Setting) -> list[Float[Tensor, "layer pos d_mlp"]]:
    """Compute the metric's gradient with respect to every neuron, in each run."""
    return [
        total_effects(run.layers, run.local, metric_row(run.local, setting)).neurons
        for run in setting.runs
    ]


def neuron_scores(
    setting: Setting, gradients: list[Float[Tensor, "layer pos d_mlp"]]
) -> Float[Tensor, "layer pos d_mlp"]:
    """Score neurons: gradient times activation, or mean gradient times change of activation."""
    acts = [run.acts() for run in setting.runs]
    if len(acts) == 1:
        return gradients[0] * acts[0]
    return (gradients[0] + gradients[1]) / 2 * (acts[0] - acts[1])


@torch.no_grad()
def build(
    question: Question,
    model: HookedTransformer,
    tokenizer: Tokenizer,
    n_nodes: int = 300,
    edge_share: float = EDGE_SHARE,
) -> Built:
    """Build the graph and its file.

    edge_share: the share of the edges' scores that is kept.

    Raises: ValueError for prompts that cannot be compared, answers that are not one token, or a
        change without a contrast.
    """
    if question.change and question.contrast is None:
        raise ValueError("expected a contrast for the graph of a change, got none; add --contrast")
    setting = read_question(question, model, tokenizer)
    local = setting.runs[0].local
    gradients = neuron_gradients(setting)
    where = largest_nodes(neuron_scores(setting, gradients), n_nodes)
    words = [tokenizer.decode([i]) for i in local.tokens.tolist()]
    if question.change:
        graph = graph_of_change(setting, where, tokenizer)
    else:
        basis = neuron_basis(model, local, where)
        graph = attribution_graph(local, basis, metric_targets(local, setting), words)
    graph = prune(graph, node_share=1.0, edge_share=edge_share)
    gradient = gradients[0][where]
    notes = [
        one._replace(fires=fires)
        for one, fires in zip(
            neuron_notes(tokenizer, setting, where, gradient),
            active_places(model, tokenizer, where, setting.runs[0].acts()[where].sign()),
            strict=True,
        )
    ]
    by_node = dict(zip(zip(*(part.tolist() for part in where), strict=True), notes, strict=True))
    shown = [(i, graph.nodes[i]) for i in graph.indices("neuron").tolist()]
    labels = {i: by_node[node.layer, node.pos, node.unit] for i, node in shown}
    labels[graph.nodes.index(PRUNED)] = Notes("edges that pruning has cut")
    compared = [i for i in (setting.answer, setting.against) if i is not None]
    labels[len(graph.nodes) - 1] = Notes('" minus "'.join(tokenizer.decode([i]) for i in compared))
    metric = f"change of {setting.metric}" if question.change else setting.metric
    about = Description("mi-graph", "smollm2-135m", metric, question.contrast)
    return Built(graph, setting, graph_json(graph, about, labels))


def graph_of_change(setting: Setting, where: Where, tokenizer: Tokenizer) -> Graph:
    """Build the secant graph between the two prompts of a setting."""
    one, other = setting.runs
    assert setting.against is not None
    pairs = zip(one.local.tokens.tolist(), other.local.tokens.tolist(), strict=True)
    words = [
        tokenizer.decode([a]) if a == b else f"{tokenizer.decode([a])}/{tokenizer.decode([b])}"
        for a, b in pairs
    ]
    return change_graph((one, other), where, Answers(setting.answer, setting.against), words)


def neuron_notes(
    tokenizer: Tokenizer, setting: Setting, where: Where, gradient: Float[Tensor, " node"]
) -> list[Notes]:
    """Describe each neuron: what it writes, and what the graph predicts for its removal or swap."""
    layer, pos, unit = where
    run = setting.runs[0]
    acts = run.acts()[where]
    others = setting.runs[-1].acts()[where]
    W_out = torch.stack(
        [run.layers[place].W_out[one] for place, one in zip(layer, unit, strict=True)]
    )
    raised = (W_out * acts.sign()[:, None] * run.local.norm_final.gain) @ run.local.W_U
    top = raised.topk(N_WORDS).indices.tolist()  # [node, word]
    notes = []
    for i, tokens in enumerate(top):
        written = tuple(tokenizer.decode([token]) for token in tokens)
        label = f"{layer[i]}.{unit[i]} {' '.join(word.strip() for word in written[:2])}"
        off, swap = (float(gradient[i] * change) for change in (-acts[i], others[i] - acts[i]))
        notes.append(Notes(label, written, (), off, swap if len(setting.runs) == 2 else None))
    return notes


def active_places(
    model: HookedTransformer, tokenizer: Tokenizer, where: Where, sign: Float[Tensor, " node"]
) -> list[tuple[str, ...]]:
    """Find where each neuron is most active, with the sign it has here, in held-out text."""
    names = [f"blocks.{layer}.mlp.hook_post" for layer in range(len(model.blocks))]
    texts = [
        document.text[START : START + 12 * READ_TOKENS]
        for document in real_text.excerpt("held_out")
    ]
    length = min(READ_TOKENS, model.config.n_ctx)
    rows = [tokenizer.encode(text).ids[:length] for text in texts[:READ_TEXTS]]
    _, cache = model.run_with_cache(
        torch.tensor(rows), names=names, stop_at_layer=len(model.blocks)
    )
    stacked = torch.stack([cache[name] for name in names])  # [layer, text, pos, d_mlp]
    acts = stacked[where.layer, :, SINK + 1 :, where.unit].flatten(1)  # [node, place]
    tokens = [pair for row in rows for pair in zip(row[SINK:], row[SINK + 1 :], strict=False)]
    signed = acts * sign[:, None]
    found = []
    for row in signed.topk(N_PLACES, dim=1).indices.tolist():
        pairs = [tokens[place] for place in row]
        found.append(tuple(f"{tokenizer.decode([a])}‹{tokenizer.decode([b])}›" for a, b in pairs))
    return found
