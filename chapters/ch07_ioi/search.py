"""Find the circuit: path patching backwards from the logits, one class of heads at a time.

1. Who writes to the answer? Heads at END with a direct path to the logits: name movers if they look
   at IO and help, negative ones if they hurt, subject suppressors if they look at S and help.
2. Who tells name movers where to look? Heads at END that reach their queries: S-inhibition.
3. Who tells those (and the suppressors) who is the subject? Heads at S2 that reach their keys and
   values there: duplicate-token heads if they look back to S1, induction heads if to S1+1.
4. Who tells induction heads what stood before? Heads at S1+1 that reach their keys: previous-token.

A head that matters but looks at no name is kept apart ("unexplained"): an effect is no explanation.
Source: Wang et al. 2022, "Interpretability in the Wild", section 3.
Differs: suppressors are a class of ours; keys as well as values are receivers in 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch05_patching.metrics import ResidMetric
from ..ch05_patching.sweep import cache_prompt
from .heads import Head, path_effects, receivers, role_attention, select_significant
from .prompts import IOIPrompts

Effects = Float[Tensor, "sender batch"]
Classes = dict[str, list[Head]]


@dataclass(frozen=True)
class CircuitSearch:
    """Prompts on which heads are found, and how large an effect has to be."""

    model: HookedTransformer
    """The model."""
    clean: IOIPrompts
    """Prompts with an answer."""
    corrupted: IOIPrompts
    """Their ABC partners."""
    read: ResidMetric
    """The metric, from the stream after the last block."""
    min_effect_share: float = 0.02
    """Least mean effect, as a share of the clean metric."""
    min_z: float = 3.0
    """Least mean effect in standard errors."""
    min_attention: float = 0.2
    """Least mean attention to a role, for a head to be said to look there."""

    def clean_metric(self) -> Float[Tensor, " batch"]:
        """The metric of the clean run."""
        return self.read(cache_prompt(self.model, self.clean.tokens).streams[-1][None, :, -1])[0]

    def effects_on_logits(self) -> Effects:
        """Step 1: END to the logits."""
        return self.effects("end", [])

    def effects_on_queries(self, movers: Sequence[Head]) -> Effects:
        """Step 2: END to the queries of the name movers."""
        end = self.clean.positions.end
        return self.effects("end", receivers(self.model, movers, "q", end))

    def effects_on_s2_readers(self, readers: Sequence[Head]) -> Effects:
        """Step 3: S2 to the keys and values there of those that read it from END."""
        s2 = self.clean.positions.s2
        both = [site for side in "kv" for site in receivers(self.model, readers, side, s2)]
        return self.effects("s2", both)

    def effects_on_keys(self, inductive: Sequence[Head]) -> Effects:
        """Step 4: S1+1 to the keys of the induction heads."""
        after = self.clean.positions.s1_next
        return self.effects("s1_next", receivers(self.model, inductive, "k", after))

    def effects(self, role: str, into: list) -> Effects:
        """Effects of all heads at one role."""
        where = self.clean.positions._asdict()[role]
        return path_effects(self.model, self.clean, self.corrupted, where, into, self.read)

    def classify_direct_heads(self, effects: Effects) -> Classes:
        """Classes of the heads that reach the logits, by sign and by where they look from END."""
        names = {"io": ("name mover", "negative name mover")}
        names |= {role: ("subject suppressor", "subject promoter") for role in ("s1", "s2")}
        return self.classify(effects, "end", names)

    def classify_query_heads(self, effects: Effects) -> Classes:
        """Classes of the heads that reach the name movers' queries."""
        names = {role: ("S-inhibition", "S-excitation") for role in ("s1", "s2")}
        return self.classify(effects, "end", names)

    def classify_s2_heads(self, effects: Effects) -> Classes:
        """Classes of the heads at S2 that reach their readers."""
        names = {
            "s1": ("duplicate token", "negative duplicate token"),
            "s1_next": ("induction", "negative induction"),
        }
        return self.classify(effects, "s2", names)

    def classify_key_heads(self, effects: Effects) -> Classes:
        """Classes of the heads at S1+1 that reach the induction heads' keys."""
        names = {"s1": ("previous token", "negative previous token")}
        return self.classify(effects, "s1_next", names)

    def classify(self, effects: Effects, query: str, names: dict[str, tuple[str, str]]) -> Classes:
        """Important heads by the role they look at most, and by whether they help or hurt.

        names: role -> (class if the head works for the answer, class if against it).
        """
        roles = [role for role in ("io", "s1", "s1_next", "s2") if role != query]
        looks = torch.stack(
            [role_attention(self.model, self.clean, query, role).mean(dim=-1) for role in roles]
        ).flatten(1)
        found: Classes = {}
        for number in select_significant(
            effects, self.clean_metric(), self.min_effect_share, self.min_z
        ).tolist():
            most = looks[:, number].argmax()
            role = roles[most] if looks[most, number] >= self.min_attention else ""
            helps, hurts = names.get(role, ("unexplained", "unexplained"))
            name = helps if effects[number].mean() < 0 else hurts
            found.setdefault(name, []).append(divmod(number, self.model.config.n_heads))
        return found
