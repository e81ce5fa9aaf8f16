"""Wrong and right answers in the old form, until every chapter has tables of mistakes.

`MISTAKES.md` says how a chapter is converted; `convert` makes records of what is left.
"""

from dataclasses import dataclass, field

from .mistakes import Mistake, RightAnswer


@dataclass(frozen=True)
class Right:
    """A correct answer, written another way than the reference's."""

    number: str
    name: str
    replace: dict[str, str] = field(default_factory=dict)
    """Text of the answer -> its replacement; each must be found exactly once."""
    body: dict[str, str] = field(default_factory=dict)
    """Function -> its whole answer, from the mark on, as in {"LayerNorm.forward": "return x"}."""

    def record(self) -> RightAnswer:
        """The same in the new form."""
        return RightAnswer(self.number, self.name, self.replace | self.body)


@dataclass(frozen=True)
class Wrong(Right):
    """A plausible mistake, and the words that its failure must contain."""

    says: str = field(default="", kw_only=True)

    def record(self) -> Mistake:
        """The same in the new form."""
        return Mistake(self.number, self.says, self.replace | self.body, named=False)
