"""Find a circuit by path patching backwards from the logits, one class of heads at a time.

1. Heads at END with a direct path to the logits. Those that attend to IO and help are name movers;
   those that hurt are negative name movers; those that attend to S and help are subject
   suppressors.
2. Heads at END that change the name movers' queries: S-inhibition heads.
3. Heads at S2 that change what S-inhibition heads and suppressors read at S2, their keys and
   values: duplicate-token heads if they attend to S1, induction heads if to S1+1.
4. Heads at S1+1 that change the induction heads' keys there: previous-token heads.

A head with a significant effect that attends to none of these positions is "unexplained".

An effect is significant if it is large, and at least `min_z` standard errors (over mirror pairs)
from 0, with MLPs recomputed or with MLPs frozen. With frozen MLPs only the path through the
residual stream counts. With recomputed MLPs the paths through MLPs count too, and their effect can
vary so much between prompts that a head of a known class is not significant.

Source: Wang et al. 2022, "Interpretability in the Wild", section 3.
Differs: subject suppressors are a class of ours; keys as well as values are receivers in 3; the
    paper has MLPs recomputed only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.sites import Site
from ..ch04_induction.ablate import Head
from ..ch05_patching.metrics import ResidMetric, unpatched
from ..ch05_patching.path import MLPs
from .counterfactuals import mirror_pairs
from .heads import (
    average_pairs,
    path_effects,
    receivers,
    role_attentions,
    select_significant,
    senders,
)
from .prompts import IOIPrompts

HeadClasses = dict[str, list[Head]]
"""Class -> its heads, those with the largest effect first."""


class ClassNames(NamedTuple):
    """Names of the two classes of heads that attend to a given role."""

    helps: str
    """Class of a head that works for the answer."""
    hurts: str
    """Class of a head that works against it."""


class PathEffects(NamedTuple):
    """Effects of all heads in one step, patched minus clean, averaged over mirror pairs."""

    means: Float[Tensor, " sender"]
    """Mean effect of each head, with MLPs recomputed."""
    screened: Int[Tensor, " kept"]
    """Senders whose mean effect is large enough to be measured in both ways."""
    recomputed: Float[Tensor, "kept pair"]
    """Their effects with MLPs recomputed."""
    frozen: Float[Tensor, "kept pair"]
    """Their effects with MLPs frozen."""


@dataclass(frozen=True)
class CircuitSearch:
    """A search for the circuit on given prompts, and the thresholds that an effect must reach."""

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
    """Least mean effect in standard errors over mirror pairs."""
    min_attention: float = 0.2
    """Least mean attention to a role for a head to be classified by it."""
    screen: float = 0.5
    """Least mean effect, as a share of the least effect above, to be measured with frozen MLPs."""

    def clean_metric(self) -> Float[Tensor, " batch"]:
        """Compute the metric of the clean run."""
        return self._clean_metric

    @cached_property
    def _clean_metric(self) -> Float[Tensor, " batch"]:
        return unpatched(self.model, self.clean.tokens, self.metric)

    def effects_on_logits(self) -> PathEffects:
        """Step 1: paths from END to the logits."""
        return self.effects("end", [])

    def effects_on_queries(self, movers: Sequence[Head]) -> PathEffects:
        """Step 2: paths from END to the name movers' queries."""
        end = self.clean.positions.end
        return self.effects("end", receivers(self.model, movers, "q", end))

    def effects_on_s2_readers(self, readers: Sequence[Head]) -> PathEffects:
        """Step 3: paths from S2 to keys and values at S2 of the heads that attend to it."""
        s2 = self.clean.positions.s2
        keys, values = (receivers(self.model, readers, side, s2) for side in ("k", "v"))
        return self.effects("s2", keys + values)

    def effects_on_keys(self, induction_heads: Sequence[Head]) -> PathEffects:
        """Step 4: paths from S1+1 to the induction heads' keys."""
        s1_next = self.clean.positions.s1_next
        return self.effects("s1_next", receivers(self.model, induction_heads, "k", s1_next))

    def effects(self, role: str, into: list[Site]) -> PathEffects:
        """Measure the effects of all heads at one role on the receivers.

        Frozen MLPs are run for heads above the screen only, because most heads have no effect.
        """
        sites = senders(self.model, self.clean.positions._asdict()[role])
        effects = self.effects_over_pairs(sites, into, "recomputed")
        means = effects.mean(dim=1)
        kept = (means.abs() >= self.screen * self.least_effect()).nonzero()[:, 0]
        if not len(kept):
            return PathEffects(means, kept, effects[kept], effects[kept])
        frozen = self.effects_over_pairs([sites[i] for i in kept.tolist()], into, "frozen")
        return PathEffects(means, kept, effects[kept], frozen)

    def effects_over_pairs(
        self, sites: Sequence[Sequence[Site]], into: Sequence[Site], mlps: MLPs
    ) -> Float[Tensor, "sender pair"]:
        """Measure the effects of senders on the receivers, averaged over mirror pairs."""
        found = path_effects(self.model, self.clean, self.corrupted, sites, into, self.metric, mlps)
        return average_pairs(found, mirror_pairs(self.clean))

    def least_effect(self) -> float:
        """Compute the smallest effect that counts: a share of the clean metric's mean."""
        return self.min_effect_share * self.clean_metric().mean().abs().item()

    def significant(self, effects: PathEffects) -> dict[int, float]:
        """Select the senders that are significant in one of the two ways, the largest first.

        Each with its mean effect, in the way in which it is larger.
        """
        clean = average_pairs(self.clean_metric(), mirror_pairs(self.clean))
        found: dict[int, float] = {}
        for way in (effects.recomputed, effects.frozen):
            for row in select_significant(way, clean, self.min_effect_share, self.min_z).tolist():
                sender, mean = int(effects.screened[row]), way[row].mean().item()
                found[sender] = max(mean, found.get(sender, 0.0), key=abs)
        return dict(sorted(found.items(), key=lambda item: -abs(item[1])))

    def classify_direct_heads(self, effects: PathEffects) -> HeadClasses:
        """Classify the heads of step 1."""
        subject = ClassNames("subject suppressor", "subject promoter")
        io = ClassNames("name mover", "negative name mover")
        return self.classify(effects, "end", {"io": io, "s1": subject, "s2": subject})

    def classify_query_heads(self, effects: PathEffects) -> HeadClasses:
        """Classify the heads of step 2."""
        subject = ClassNames("S-inhibition", "S-excitation")
        return self.classify(effects, "end", {"s1": subject, "s2": subject})

    def classify_s2_heads(self, effects: PathEffects) -> HeadClasses:
        """Classify the heads of step 3."""
        names = {
            "s1": ClassNames("duplicate token", "negative duplicate token"),
            "s1_next": ClassNames("induction", "negative induction"),
        }
        return self.classify(effects, "s2", names)

    def classify_key_heads(self, effects: PathEffects) -> HeadClasses:
        """Classify the heads of step 4."""
        names = {"s1": ClassNames("previous token", "negative previous token")}
        return self.classify(effects, "s1_next", names)

    def classify(
        self, effects: PathEffects, query: str, names: dict[str, ClassNames]
    ) -> HeadClasses:
        """Classify significant heads by the role they attend to most, and by the effect's sign.

        query: role of the position they attend from. names: role -> classes.
        """
        roles = [role for role in ("io", "s1", "s1_next", "s2") if role != query]
        attention = role_attentions(self.model, self.clean, query, roles).mean(dim=-1)
        attention = attention.flatten(1)  # [role, sender]
        unexplained = ClassNames("unexplained", "unexplained")
        found: HeadClasses = {}
        for sender, effect in self.significant(effects).items():
            most = int(attention[:, sender].argmax())
            attends = attention[most, sender] >= self.min_attention
            classes = names.get(roles[most], unexplained) if attends else unexplained
            name = classes.helps if effect < 0 else classes.hurts
            found.setdefault(name, []).append(divmod(sender, self.model.config.n_heads))
        return found
