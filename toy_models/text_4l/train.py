"""Train text_4l: four layers on verse, prose and code, in about twelve minutes on one CPU core.

1. Train a vocabulary of 2,048 tokens on the text (`train_tokenizer`).
2. Concatenate all documents (`as_tokens`).
3. Train, writing the loss and a checkpoint every 250 steps.
4. Round the weights to float16, save them, and measure the saved model on the held-out documents
   (`report`).

Run it as `python -m toy_models train text_4l`. An interrupted run goes on from its last checkpoint;
`--fresh` starts again from the beginning.
"""

import math
import shutil
from pathlib import Path

import torch
from jaxtyping import Int
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer, decoders, models, trainers
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor
from tqdm import tqdm

from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch02_transformer.pretrained import load_pretrained, save_model
from solutions.ch02_transformer.train import TrainConfig, train
from toy_models.cache import write_then_rename
from toy_models.gguf_tokenizer import SPLITTERS
from toy_models.real_text import Document, excerpt, full_text
from toy_models.recipes.files import recipe_parser, start_run, use_one_thread, write_text
from toy_models.text_4l.baselines import bigram_loss, unigram_loss

END = "<|endoftext|>"

SIZES = TransformerConfig(
    n_layers=4, d_model=128, n_heads=4, d_head=32, d_mlp=512, d_vocab=2048, n_ctx=128
)


def train_tokenizer(documents: list[Document], d_vocab: int) -> Tokenizer:
    """Train a byte-level BPE vocabulary, every digit its own token; token 0 ends a document."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = SPLITTERS["smollm"]
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=d_vocab,
        special_tokens=[END],
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((text for _, text in documents), trainer)
    return tokenizer


def as_tokens(tokenizer: Tokenizer, documents: list[Document]) -> Int[Tensor, " n"]:
    """Concatenate the documents' tokens, each document after the token that ends one."""
    end = tokenizer.token_to_id(END)
    encoded = tokenizer.encode_batch([text for _, text in documents])
    return torch.tensor([token for one in encoded for token in [end, *one.ids]])


def windows_of(tokens: Int[Tensor, " n"], window: int) -> Int[Tensor, "batch window"]:
    """Cut tokens into consecutive windows, and drop the rest."""
    return tokens[: len(tokens) // window * window].view(-1, window)


@torch.no_grad()
def report(folder: Path, text: Int[Tensor, " n"], held_out: list[Document]) -> list[list[str]]:
    """Measure the saved model and its baselines on each kind of held-out text.

    Units: nats per token. The column +- is the standard error of the model's loss over windows: its
    variation with the held-out passages, not with the seed.
    """
    model, tokenizer = load_pretrained(folder)
    if tokenizer is None:
        raise ValueError(f"{folder} has no tokenizer.json")
    size, kinds = model.config.d_vocab, {}
    for kind in ("verse", "prose", "code"):
        documents = [document for document in held_out if document.name.startswith(kind)]
        windows = windows_of(as_tokens(tokenizer, documents), model.config.n_ctx)
        log_probs = torch.cat([model(batch).log_softmax(-1)[:, :-1] for batch in windows.split(16)])
        losses = -log_probs.gather(-1, windows[:, 1:, None]).squeeze(-1)
        baselines = [bigram_loss(text, windows, size), unigram_loss(text, windows, size)]
        kinds[kind] = torch.stack([loss.double().mean(1) for loss in (losses, *baselines)])
    kinds["all"] = torch.cat(list(kinds.values()), dim=1)
    rows = [["text", "windows", "model", "+-", "bigram", "unigram", "uniform"]]
    for kind, by_window in kinds.items():
        n_windows = by_window.shape[1]
        model_loss, bigram, unigram = by_window.mean(1).tolist()
        error = by_window[0].std().item() / n_windows**0.5
        numbers = (model_loss, error, bigram, unigram, math.log(size))
        rows.append([kind, str(n_windows), *(f"{number:.3f}" for number in numbers)])
    return rows


def run(folder: Path, text: Tensor, held_out: Tensor, config: TrainConfig) -> None:
    """Train one model into a folder, next to a checkpoint and a table of losses.

    A checkpoint counts (as run.safetensors) once the table has its row, so that a run that goes on
    writes the same table.
    """
    checkpoint, following = folder / "run.safetensors", folder / "next.safetensors"
    following.unlink(missing_ok=True)
    rows = ["step,training loss,held-out loss"]
    if checkpoint.is_file():
        shutil.copyfile(checkpoint, following)
        rows = rows_until(folder / "loss.csv", checkpoint)
    model, recent = HookedTransformer(SIZES, seed=config.seed), []
    with tqdm(total=config.steps, unit="step", disable=None) as bar:
        for record in train(model, text, held_out, config, following):
            recent.append(record.loss)
            bar.update(record.step - bar.n)
            if record.eval_loss is not None:
                mean = sum(recent) / len(recent)
                rows.append(f"{record.step},{mean:.4f},{record.eval_loss:.4f}")
                write_text(folder / "loss.csv", "\n".join(rows) + "\n")
                following.replace(checkpoint)
                bar.set_postfix_str(f"held-out loss {record.eval_loss:.3f}")
                recent = []
    save_model(model.half(), folder)
    checkpoint.unlink()
    following.unlink(missing_ok=True)


def rows_until(table: Path, checkpoint: Path) -> list[str]:
    """Read the rows of the table up to the step of a checkpoint.

    Raises: ValueError when the checkpoint is damaged.
    """
    try:
        with safe_open(checkpoint, framework="pt") as file:
            last = int(file.metadata()["step"])
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{checkpoint} is damaged ({error}); start again with --fresh") from error
    heading, *rows = table.read_text(encoding="utf-8").splitlines()
    return [heading, *(row for row in rows if int(row.partition(",")[0]) <= last)]


def main(arguments: list[str] | None = None) -> None:
    """Train, save, and print the saved model's losses."""
    parser = recipe_parser("text_4l")
    add = parser.add_argument
    add("--text", choices=("full", "excerpt"), default="full", help="excerpt needs no network")
    add("--steps", type=int, default=3000, help="3000 take twelve minutes of one core")
    add("--lr", type=float, default=4e-3, help="peak learning rate")
    chosen = parser.parse_args(arguments)
    use_one_thread()
    documents = full_text() if chosen.text == "full" else excerpt("train")
    finished = start_run(chosen)
    vocabulary = chosen.out / "tokenizer.json"
    if not vocabulary.is_file():
        with write_then_rename(vocabulary) as scratch:
            train_tokenizer(documents, SIZES.d_vocab).save(str(scratch), pretty=False)
    tokenizer = Tokenizer.from_file(str(vocabulary))
    text, held_out = (as_tokens(tokenizer, part) for part in (documents, excerpt("held_out")))
    print(f"{len(text):,} training tokens, {len(held_out):,} held out")
    config = TrainConfig(
        steps=chosen.steps,
        batch_size=16,
        window=SIZES.n_ctx,
        lr=chosen.lr,
        eval_every=250,
        seed=chosen.seed,
    )
    if not finished:
        run(chosen.out, text, held_out, config)
    for row in report(chosen.out, text, excerpt("held_out")):
        print("".join(f"{cell:>10}" for cell in row))
    print(f"saved in {chosen.out}")


if __name__ == "__main__":
    main()
