"""A model and what it loses without sets of heads; whether a set of heads is what works in a layer.

Removing one head proves little where heads back each other up, so a head counts if some subset of
the claim works with it and fails without it. Impostors share the pattern of a working head.
"""

import functools
import itertools

import torch

PERIOD, MATCHES = 20, 0.4
KEPT, COSTLY, WORKS, NEEDED = 0.3, 2.0, 2.0, 0.3
"""In nats: the most that may be lost with the claim alone; the least that it must cost; the most
lost by a subset that works, and the least lost when a needed head leaves it."""


class Repeats:
    """A model on repeated texts, with the loss for any set of removed heads."""

    def __init__(self, model, seed, batch=8):
        self.model = model.requires_grad_(False)
        self.sizes = (model.config.n_layers, model.config.n_heads)
        generator = torch.Generator().manual_seed(seed)
        order = torch.rand(batch, model.config.d_vocab, generator=generator).argsort(dim=1)
        self.tokens = order[:, :PERIOD].repeat(1, 3)
        self.loss = functools.cache(self.measure)

    @torch.no_grad()
    def logits(self, removed):
        """Compute the logits without these heads."""

        def cut(z, point):
            for layer, head in removed:
                if point.name == f"blocks.{layer}.attn.hook_z":
                    z[:, :, head] = 0.0

        hooks = {f"blocks.{layer}.attn.hook_z": cut for layer, _ in removed}
        return self.model.run_with_hooks(self.tokens, hooks=hooks)

    def measure(self, removed):
        """Average the loss in the last repeat."""
        losses = self.logits(removed).log_softmax(-1)[:, :-1].gather(-1, self.tokens[:, 1:, None])
        return -losses[:, -PERIOD:].double().mean().item()

    def cost(self, removed):
        """Subtract the whole model's loss from the loss without these heads."""
        return self.loss(frozenset(removed)) - self.loss(frozenset())

    @functools.cached_property
    @torch.no_grad()
    def matching(self):
        """Score prefix matching of every head: {(layer, head): score}."""
        names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(self.sizes[0])]
        _, cache = self.model.run_with_cache(self.tokens, names=names)
        pos = self.tokens.shape[1]
        back = torch.arange(pos)[:, None] - torch.arange(pos) + 1
        target = (back > 0) & (back % PERIOD == 0)
        spent = [(cache[n] * target).sum(-1)[:, :, PERIOD:].mean((0, 2)).tolist() for n in names]
        return {(layer, h): x for layer, row in enumerate(spent) for h, x in enumerate(row)}


def written(heads):
    """Write heads as in the table."""
    return ", ".join(f"{layer}.{head}" for layer, head in sorted(heads))


def is_needed(trial, head, claim, layer):
    """Whether some subset of the claim works with the head and fails without it."""
    every = {(layer, h) for h in range(trial.sizes[1])}
    rest = [other for other in claim if other != head]
    for size in range(len(rest) + 1):
        for kept in itertools.combinations(rest, size):
            removed = every - {*kept, head}
            with_it = trial.cost(removed)
            if with_it < WORKS and trial.cost(removed | {head}) - with_it > NEEDED:
                return True
    return False


def check_working(trial, claim, layer, key):
    """Fail unless a claim holds all heads of a layer that work on repeats, and no other."""
    for head in claim:
        assert is_needed(trial, head, claim, layer), (
            f"{key}: {written([head])} is named, but no subset of the named heads needs it: it may "
            "attend like a working head and write nothing of use."
        )
    others = {(layer, h) for h in range(trial.sizes[1])} - set(claim)
    lost = trial.cost(others)
    assert lost < KEPT, (
        f"{key}: with only {written(claim)} kept in layer {layer} the third repeat costs "
        f"{lost:.2f} nats more: a head that works is not named."
    )
    every = [(layer, h) for h in range(trial.sizes[1])]
    sets = [one for one in itertools.combinations(every, len(claim)) if set(one) != set(claim)]
    chance = sorted(trial.cost(one) for one in sets)
    bar = max(COSTLY, chance[int(0.95 * (len(chance) - 1))] if chance else 0.0)
    cost, size = trial.cost(claim), f"{len(claim)} head{'s' if len(claim) > 1 else ''}"
    if cost <= bar and any(is_needed(trial, h, [*claim, h], layer) for h in others):
        advice = "a head that works is not named, and does the same while the named ones are gone"
    else:
        advice = "name the heads whose removal costs most"
    assert cost > bar, (
        f"{key}: without {written(claim)} the third repeat costs {cost:.2f} nats more, expected "
        f"more than {bar:.2f} and than without 95 % of other sets of {size} of the layer; {advice}."
    )
