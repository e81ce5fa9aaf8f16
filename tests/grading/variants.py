"""Wrong and right answers in the old form, until every chapter has tables of mistakes.

`MISTAKES.md` says how a chapter is converted; `convert` makes records of what is left.
"""

from dataclasses import dataclass, field

from .mistakes import SOLUTIONS, Mistake, RightAnswer, answers_of_text, chapter_of, numbers_of


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
        return RightAnswer(self.number, self.name, self._changes())

    def _changes(self) -> dict[str, str]:
        """The changes, with edits of the answers without their indent."""
        file = numbers_of(SOLUTIONS / chapter_of(self.number))[self.number]
        found = answers_of_text(file.read_text("utf-8"), file.name)
        indent = min(one.indent for one in found if one.number == self.number)
        edits = [
            [text.replace("\n" + indent, "\n") for text in pair] for pair in self.replace.items()
        ]
        return dict(edits) | self.body


@dataclass(frozen=True)
class Wrong(Right):
    """A plausible mistake, and the words that its failure must contain."""

    says: str = field(default="", kw_only=True)

    def record(self) -> Mistake:
        """The same in the new form."""
        return Mistake(self.number, self.says, self._changes(), named=False)
