"""A learner's hand-set model, whose heads are known: F without some heads, and direct effects."""

import functools

import torch


class Names:
    """A learner's hand-set model, with F for any set of heads that are zero at END."""

    def __init__(self, module, seed):
        self.model = module.open_names(seed)
        self.sizes = (self.model.config.n_layers, self.model.config.n_heads)
        self.prompts = module.draw_names(128, torch.Generator().manual_seed(7_000_003 + seed))
        self.every = frozenset((x, h) for x in range(self.sizes[0]) for h in range(self.sizes[1]))

    @torch.no_grad()
    def at_end(self, removed):
        """Average logit(IO) and logit(S) over prompts, without these heads."""

        def cut(z, point):
            for layer, head in removed:
                if point.name == f"blocks.{layer}.attn.hook_z":
                    z[:, -1, head] = 0.0

        hooks = {f"blocks.{layer}.attn.hook_z": cut for layer, _ in removed}
        logits = self.model.run_with_hooks(self.prompts.tokens, hooks=hooks)[:, -1]
        names = (self.prompts.io_token, self.prompts.s_token)
        return [logits.gather(1, name[:, None]).mean().item() for name in names]

    def without(self, removed):
        """Compute F, the mean logit difference, without these heads."""
        right, wrong = self.at_end(removed)
        return right - wrong

    @functools.cached_property
    def full(self):
        return self.without([])

    def share(self, removed):
        """F without these heads, as a share of F(M)."""
        return self.without(removed) / self.full


@torch.no_grad()
def direct_effects(trial):
    """Compute each head's direct effect on F and its attention to IO: {head: (effect, attention)}.

    The model has no MLPs and no final norm, so the effect is the head's output times W_U.
    """
    model, tokens = trial.model, trial.prompts.tokens
    _, cache = model.run_with_cache(tokens)
    rows, found = torch.arange(len(tokens)), {}
    for layer, head in trial.every:
        z = cache[f"blocks.{layer}.attn.hook_z"][:, -1, head]
        logits = z @ model.blocks[layer].attn.W_O[head] @ model.unembed.W_U
        gap = logits[rows, trial.prompts.io_token] - logits[rows, trial.prompts.s_token]
        pattern = cache[f"blocks.{layer}.attn.hook_pattern"][:, head, -1]
        attention = pattern[rows, trial.prompts.positions.io]
        found[layer, head] = (gap.mean().item(), attention.mean().item())
    return found


def shown(heads):
    """Write heads as in the table."""
    return ", ".join(f"{layer}.{head}" for layer, head in sorted(heads))
