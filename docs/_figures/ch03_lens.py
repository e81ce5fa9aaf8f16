"""Draw the predictions of the small text model after each layer: logit lens and tuned lens.

Lenses are trained on the committed excerpt and measured on the held-out documents.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from matplotlib.figure import Figure
from tokenizers import Tokenizer
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.models import load_with_tokenizer
from docs._figures.lib.plotting import heatmap, lines, publish
from solutions.ch02_transformer import HookedTransformer
from solutions.ch03_circuits.lens import (
    TunedLens,
    kl_divergence,
    logit_lens,
    residual_stream,
    train_tuned_lens,
)
from toy_models import folder
from toy_models.real_text import excerpt
from toy_models.text_4l.train import as_tokens, windows_of

SEEDS, STEPS, BATCH, WINDOW, HELD_OUT = (0, 1, 2), 150, 5, 64, 48
SENTENCE = "It happened in those days, that the king said to the"


def main() -> None:
    """Train three lenses, measure them, decode one sentence; draw both figures."""
    model, tokenizer = load_with_tokenizer(folder("text_4l", 0))
    text = windows_of(as_tokens(tokenizer, excerpt("train")), WINDOW)
    held_out = windows_of(as_tokens(tokenizer, excerpt("held_out")), WINDOW)
    generator = torch.Generator().manual_seed(0)
    held_out = held_out[torch.randperm(len(held_out), generator=generator)[:HELD_OUT]]
    lenses = {seed: trained(model, text, seed) for seed in SEEDS}
    draw_curves(model, lenses, held_out)
    draw_words(model, tokenizer, lenses[0][0])


def batches(text: Int[Tensor, "n window"], seed: int) -> Iterator[Int[Tensor, "batch window"]]:
    """Draw random windows, without end."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield text[torch.randint(len(text), (BATCH,), generator=generator)]


def trained(model: HookedTransformer, text: Tensor, seed: int) -> tuple[TunedLens, list]:
    """Train a lens, and return it with its losses at each step."""
    lens = TunedLens(model.config.n_layers, model.config.d_model)
    steps = train_tuned_lens(model, batches(text, seed), lens, STEPS, lr=3e-3)
    return lens, [loss.tolist() for loss in tqdm(steps, total=STEPS, desc=f"lens {seed}")]


@torch.no_grad()
def measure(
    model: HookedTransformer, lenses: list[TunedLens], held_out: Tensor
) -> tuple[Tensor, Tensor, float]:
    """Compute the KL from the final output by layer: logit lens, tuned lenses, a constant."""
    stream = residual_stream(model, held_out)
    final = model.unembed_resid(stream[-1])

    def kl(stream: Tensor) -> Tensor:
        return kl_divergence(logit_lens(model, stream), final).mean(dim=(1, 2))

    average = final.softmax(dim=-1).mean(dim=(0, 1)).log()
    constant = kl_divergence(average.expand_as(final), final).mean().item()
    return kl(stream), torch.stack([kl(lens(stream[:-1])) for lens in lenses]), constant


def draw_curves(model: HookedTransformer, lenses: dict, held_out: Tensor) -> None:
    """Draw the KL from the final output after each layer, on held-out text."""
    plain, tuned, constant = measure(model, [lens for lens, _ in lenses.values()], held_out)
    layers = list(range(len(plain) - 1))  # after the last block both are the final output
    series = {
        "logit lens": plain[:-1].tolist(),
        "tuned lens": tuned.mean(dim=0).tolist(),
        "always the average output": [constant] * len(layers),
    }
    bands = {"tuned lens": (tuned.amin(dim=0).tolist(), tuned.amax(dim=0).tolist())}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        lines(axes, layers, series, bands=bands, labels=("blocks done", "KL (nats per token)"))
        axes.set_xticks(layers)
        axes.set_yscale("log")

    publish(
        "ch03_lens",
        draw,
        alt=f"KL from the final output falls with depth: the logit lens starts at {plain[0]:.2f} "
        f"nats before the first block and reaches {plain[-2]:.2f} after three of four; the tuned "
        f"lens starts at {tuned[:, 0].mean():.2f} and reaches {tuned[:, -1].mean():.2f}. Always "
        f"predicting the average output costs {constant:.2f}.",
        numbers={
            "logit_lens": plain,
            "tuned_lens": tuned,
            "constant_guess": constant,
            "training_losses_first_and_last": [
                [losses[0], losses[-1]] for _, losses in lenses.values()
            ],
            "steps": STEPS,
            "held_out_windows": HELD_OUT,
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(6.2, 3.3),
    )


@torch.no_grad()
def draw_words(model: HookedTransformer, tokenizer: Tokenizer, lens: TunedLens) -> None:
    """Draw the most likely token by layer and position, and the KL from the final output."""
    ids = tokenizer.encode(SENTENCE).ids
    tokens = torch.tensor([[0, *ids]])
    stream = residual_stream(model, tokens)
    final = model.unembed_resid(stream[-1])
    tuned = torch.cat([lens(stream[:-1]), stream[-1:]])
    panels = {"logit lens": stream, "tuned lens": tuned}
    guesses = {name: logit_lens(model, values)[:, 0, 1:].flip(0) for name, values in panels.items()}
    kl = {name: kl_divergence(logits, final[:, 1:]) for name, logits in guesses.items()}
    words = {
        name: [[shown(tokenizer, i) for i in row] for row in logits.argmax(dim=-1).tolist()]
        for name, logits in guesses.items()
    }
    read = [tokenizer.decode([i]) for i in ids]
    rows = [f"{n} done" for n in range(len(stream))][::-1]

    def draw(figure: Figure) -> None:
        for axes, name in zip(figure.subplots(2, 1), panels, strict=True):
            values = kl[name].clamp(max=3).numpy()
            label = "KL, cut at 3"
            heatmap(axes, values, rows=rows, columns=read, words=words[name], label=label)
            axes.set_title(name)

    at_start = {name: share_right(w) for name, w in words.items()}
    publish(
        "ch03_lens_words",
        draw,
        alt="Two tables of blocks done by positions; each cell is the most likely next token. "
        "Before the first block the logit lens predicts odd bytes or an unrelated word, the tuned "
        "lens a comma or 'the'. After one block both are close to the final output, the tuned "
        "lens closer.",
        numbers={
            "words": words,
            "kl": kl,
            "read": read,
            "share_already_final_by_row": at_start,
        },
        seeds=[0],
        sources=[__file__],
        size=(9.6, 5.0),
    )


def shown(tokenizer: Tokenizer, token: int) -> str:
    """Decode a token; a dot marks bytes that form a character only with others."""
    text = tokenizer.decode([token])
    return "".join(
        c if c == "\n" or (c.isprintable() and c != "\ufffd") else "\u00b7" for c in text
    )


def share_right(words: list[list[str]]) -> list[float]:
    """Compute by row the share of positions whose guess is already the final one; final first."""
    final = words[0]
    return [sum(a == b for a, b in zip(row, final, strict=True)) / len(final) for row in words]


if __name__ == "__main__":
    main()
