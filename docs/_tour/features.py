"""Tour stop: which latents of sae_smollm2 are active on the prompt, and which matter at its end.

A latent is named by the tokens that its decoder row raises most, which is a hint and not a label.
"""

import torch
from jaxtyping import Bool, Float
from matplotlib.figure import Figure
from torch import Tensor

import toy_models
from docs._figures.lib.plotting import bars, heatmap, show_token
from docs._tour.stops import Stop, TourInput
from solutions.ch05_patching import Intervention, apply_interventions
from solutions.ch08_saes import AbstractSAE, feature_site, splice
from solutions.ch08_saes.metrics import explained_variance
from solutions.ch09_sparsity import load_sae

LAYER = 15
SHOWN, N_EFFECTS, LAST_TOKENS = 9, 6, 12
MASSIVE = 5.0
"""Tokens longer than this times the median length are left out: no SAE here is trained on them."""


@torch.no_grad()
def features(source: TourInput) -> Stop:
    """Encode the prompt, and ablate each latent that is active at its last token."""
    sae, hook = load_sae(toy_models.folder("sae_smollm2")), f"blocks.{LAYER}.hook_resid_post"
    before = source.model(source.tokens, stop_at_layer=LAYER)
    resid = source.model.run_blocks(before, start=LAYER, stop=LAYER + 1)[0]
    usual = usual_tokens(resid)
    acts = torch.where(usual[:, None], sae.encode(resid), 0.0)
    kept = resid[usual]
    explained = explained_variance(kept, sae.decode(sae.encode(kept))).item()
    shown = acts.amax(dim=0).topk(SHOWN).indices.tolist()
    active = sae.encode(resid[-1]).nonzero().flatten().tolist()
    token, effects = ablation_effects(source, sae, hook, before, active)
    order = effects.abs().argsort(descending=True)[:N_EFFECTS].tolist()
    names = promoted_names(source, sae, [*shown, *(active[place] for place in order)])
    costs = {names[active[place]]: -effects[place].item() for place in order}
    costs["median latent"] = -effects.median().item()
    answer = source.tokenizer.decode([token])
    most = names[active[order[0]]]
    first = max(0, len(source.words) - LAST_TOKENS)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
        grid = acts[first:, shown].T.masked_fill(acts[first:, shown].T == 0, float("nan"))
        rows, columns = [names[latent] for latent in shown], source.words[first:]
        heatmap(left, grid.numpy(), rows=rows, columns=columns, label="activation")
        left.tick_params(axis="x", rotation=40)
        bars(right, costs, label=f"log-prob that {show_token(answer)} loses")
        right.margins(x=0.3)

    return Stop(
        "features",
        f"Which of {sae.d_sae:,} features are active?",
        f"A dictionary of the residual stream after block {LAYER}: at most {sae.k} of "
        f"{sae.d_sae:,} latents are active at a token, and here they explain {explained:.0%} of "
        "the variance between tokens. Each latent is shown with the tokens that its direction "
        f"raises most. Of the {len(active)} latents at the last token, removing {most} changes "
        f"the log-probability of {answer!r} most, by {effects[order[0]].item():.2f}; the median "
        f"latent changes it by {effects.median().item():.2f}. The dictionary was trained on "
        "verse, the Bible and Python, so modern text may be explained less well. Tokens of a "
        "direction are a hint, not a label: see chapter 9.",
        draw,
        "Left, a table of latents by tokens, shaded by activation. Right, bars: what the most "
        "likely token loses when each latent is removed at the last position.",
        'with splice(model, {"blocks.15.hook_resid_post": load_sae(folder("sae_smollm2"))}): ...',
        "chapter 8, exercises 8.16 to 8.18; chapter 9, the page on the real model",
        (10.0, 4.0),
    )


def usual_tokens(resid: Float[Tensor, "pos d_model"]) -> Bool[Tensor, " pos"]:
    """Select the tokens that the SAE was trained on: not the first, and none that is massive."""
    lengths = resid.norm(dim=-1)
    usual = lengths <= MASSIVE * lengths.median()
    usual[0] = False
    return usual


def ablation_effects(
    source: TourInput, sae: AbstractSAE, hook: str, before: Tensor, active: list[int]
) -> tuple[int, Float[Tensor, " latent"]]:
    """Return the most likely token, and how its log-prob changes without each latent.

    One latent is set to zero at the last position; the splice keeps what the SAE does not explain.
    """
    last = source.tokens.shape[1] - 1

    def log_probs() -> Float[Tensor, " d_vocab"]:
        resid = source.model.run_blocks(before, start=LAYER)[:, -1:]
        return source.model.unembed_resid(resid)[0, 0].log_softmax(dim=-1)

    clean = log_probs()
    token, effects = int(clean.argmax()), []
    with splice(source.model, {hook: sae}):
        for latent in active:
            removed = Intervention.zero(feature_site(hook, latent, last))
            with apply_interventions(source.model, [removed]):
                effects.append(log_probs()[token] - clean[token])
    return token, torch.stack(effects)


def promoted_names(source: TourInput, sae: AbstractSAE, latents: list[int]) -> dict[int, str]:
    """Name latents by their number and the two tokens that their decoder rows raise most."""
    gain, W_U = source.model.ln_final.w, source.model.unembed.W_U
    assert isinstance(gain, Tensor) and isinstance(W_U, Tensor)
    direct = (sae.W_dec[latents] * gain) @ W_U
    names = {}
    for latent, top in zip(latents, direct.topk(2).indices.tolist(), strict=True):
        words = " ".join(show_token(source.tokenizer.decode([token])) for token in top)
        names[latent] = f"{latent}: {words}"
    return names
