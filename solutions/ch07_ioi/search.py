"""Find a circuit by path patching backwards from the logits, one class of heads at a time.

1. Heads at END with a direct path to the logits. Those that attend to IO and help are name movers;
   those that hurt are negative name movers; those that attend to S and help are subject
   suppressors.
2. Heads at END that change the name movers' queries: S-inhibition heads.
3. Heads at S2 that change keys and values of those, and of the suppressors, at S2:
   duplicate-token heads if they attend to S1, induction heads if to S1+1.
4. Heads at S1+1 that change the induction heads' keys there: previous-token heads.

A head with a significant effect that attends to none of these positions is "unexplained".
Source: Wang et al. 2022, "Interpretability in the Wild", section 3.
Differs: subject suppressors are a class of ours; keys as well as values are receivers in 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.sites import Site
from ..ch04_induction.ablate import Head
from ..ch05_patching.metrics import ResidMetric, unpatched
from .heads import Effects, path_effects, receivers, role_attention, select_significant
from .prompts import IOIPrompts

HeadClasses = dict[str, list[Head]]
"""Class -> its heads, those with the largest effect first."""


class ClassNames(NamedTuple):
    """Classes of the heads that attend to one role."""

    helps: str
    """Class of a head that works for the answer."""
    hurts: str
    """Class of a head that works against it."""


@dataclass(frozen=True)
class CircuitSearch:
    """A search for the circuit on given prompts, with the sizes that an effect must have."""

    model: HookedTransformer
    """The model."""
    clean: IOIPrompts
    """Prompts with an answer."""
    corrupted: IOIPrompts
    """Their ABC corruptions."""
    metric: ResidMetric
    """Metric computed from the residual stream after the last block."""
    min_effect_share: float = 0.02
    """Least mean effect, as a share of the clean metric."""
    min_z: float = 3.0
    """Least mean effect in standard errors."""
    min_attention: float = 0.2
    """Least mean attention to a role for a head to be classified by it."""

    def clean_metric(self) -> Float[Tensor, " batch"]:
        """Compute the metric of the clean run."""
        return unpatched(self.model, self.clean.tokens, self.metric)

    def effects_on_logits(self) -> Effects:
        """Step 1: paths from END to the logits."""
        return self.effects("end", [])

    def effects_on_queries(self, movers: Sequence[Head]) -> Effects:
        """Step 2: paths from END to the name movers' queries."""
        end = self.clean.positions.end
        return self.effects("end", receivers(self.model, movers, "q", end))

    def effects_on_s2_readers(self, readers: Sequence[Head]) -> Effects:
        """Step 3: paths from S2 to keys and values at S2 of the heads that attend to it."""
        s2 = self.clean.positions.s2
        keys, values = (receivers(self.model, readers, side, s2) for side in ("k", "v"))
        return self.effects("s2", keys + values)

    def effects_on_keys(self, induction_heads: Sequence[Head]) -> Effects:
        """Step 4: paths from S1+1 to the induction heads' keys."""
        s1_next = self.clean.positions.s1_next
        return self.effects("s1_next", receivers(self.model, induction_heads, "k", s1_next))

    def effects(self, role: str, into: list[Site]) -> Effects:
        """Measure the effects of all heads at one role on the receivers."""
        positions = self.clean.positions._asdict()[role]
        return path_effects(self.model, self.clean, self.corrupted, positions, into, self.metric)

    def classify_direct_heads(self, effects: Effects) -> HeadClasses:
        """Classify the heads of step 1."""
        subject = ClassNames("subject suppressor", "subject promoter")
        io = ClassNames("name mover", "negative name mover")
        return self.classify(effects, "end", {"io": io, "s1": subject, "s2": subject})

    def classify_query_heads(self, effects: Effects) -> HeadClasses:
        """Classify the heads of step 2."""
        subject = ClassNames("S-inhibition", "S-excitation")
        return self.classify(effects, "end", {"s1": subject, "s2": subject})

    def classify_s2_heads(self, effects: Effects) -> HeadClasses:
        """Classify the heads of step 3."""
        names = {
            "s1": ClassNames("duplicate token", "negative duplicate token"),
            "s1_next": ClassNames("induction", "negative induction"),
        }
        return self.classify(effects, "s2", names)

    def classify_key_heads(self, effects: Effects) -> HeadClasses:
        """Classify the heads of step 4."""
        names = {"s1": ClassNames("previous token", "negative previous token")}
        return self.classify(effects, "s1_next", names)

    def classify(self, effects: Effects, query: str, names: dict[str, ClassNames]) -> HeadClasses:
        """Classify significant heads by the role they attend to most, and by the effect's sign.

        query: role of the position they attend from. names: role -> classes.
        """
        roles = [role for role in ("io", "s1", "s1_next", "s2") if role != query]
        attention = torch.stack(
            [role_attention(self.model, self.clean, query, role).mean(dim=-1) for role in roles]
        ).flatten(1)  # [role, sender]
        unexplained = ClassNames("unexplained", "unexplained")
        found: HeadClasses = {}
        significant = select_significant(
            effects, self.clean_metric(), self.min_effect_share, self.min_z
        )
        for sender in significant.tolist():
            most = int(attention[:, sender].argmax())
            attends = attention[most, sender] >= self.min_attention
            classes = names.get(roles[most], unexplained) if attends else unexplained
            name = classes.helps if effects[sender].mean() < 0 else classes.hurts
            found.setdefault(name, []).append(divmod(sender, self.model.config.n_heads))
        return found
