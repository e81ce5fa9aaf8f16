"""Train text_1l: one layer on verse, prose and code, in about five minutes on one CPU core.

The model of chapter 8's experiment: 512 MLP neurons with ReLU. Text and vocabulary are those of
text_4l, so that the two models read the same tokens.

Run it as `python -m toy_models train text_1l`; `--seed 1` trains the second model. An interrupted
run goes on from its last checkpoint; `--fresh` starts again from the beginning.
"""

import shutil
from pathlib import Path

from tokenizers import Tokenizer
from torch import Tensor
from tqdm import tqdm

from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch02_transformer.pretrained import save_model
from solutions.ch02_transformer.train import TrainConfig, train
from toy_models.real_text import excerpt, full_text
from toy_models.recipes.files import recipe_parser, start_run, use_one_thread
from toy_models.text_4l.train import as_tokens, report
from toy_models.toys import folder

SIZES = TransformerConfig(
    n_layers=1,
    d_model=128,
    n_heads=4,
    d_head=32,
    d_mlp=512,
    d_vocab=2048,
    n_ctx=128,
    activation="relu",
)
BATCH = 8


def run(out: Path, text: Tensor, held_out: Tensor, config: TrainConfig) -> None:
    """Train one model into a folder, next to a checkpoint."""
    checkpoint = out / "run.safetensors"
    model = HookedTransformer(SIZES, seed=config.seed)
    with tqdm(total=config.steps, unit="step", disable=None) as bar:
        for record in train(model, text, held_out, config, checkpoint):
            bar.update(record.step - bar.n)
            if record.eval_loss is not None:
                bar.set_postfix_str(f"held-out loss {record.eval_loss:.3f}")
    save_model(model.half(), out)
    checkpoint.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> None:
    """Train, save, and print the saved model's losses."""
    parser = recipe_parser("text_1l")
    add = parser.add_argument
    add("--text", choices=("full", "excerpt"), default="full", help="excerpt needs no network")
    add("--steps", type=int, default=2000, help="2000 take about five minutes of one core")
    add("--lr", type=float, default=4e-3, help="peak learning rate")
    chosen = parser.parse_args(arguments)
    use_one_thread()
    documents = full_text() if chosen.text == "full" else excerpt("train")
    finished = start_run(chosen)
    vocabulary = folder("text_4l") / "tokenizer.json"
    shutil.copyfile(vocabulary, chosen.out / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(vocabulary))
    text, held_out = (as_tokens(tokenizer, part) for part in (documents, excerpt("held_out")))
    print(f"{len(text):,} training tokens, {len(held_out):,} held out")
    config = TrainConfig(
        steps=chosen.steps,
        batch_size=BATCH,
        window=SIZES.n_ctx,
        lr=chosen.lr,
        eval_every=500,
        seed=chosen.seed,
    )
    if not finished:
        run(chosen.out, text, held_out, config)
    for row in report(chosen.out, text, excerpt("held_out")):
        print("".join(f"{cell:>10}" for cell in row))
    print(f"saved in {chosen.out}")


if __name__ == "__main__":
    main()
