"""Turn an exercise heading and the text below it into a card.

1. On the text (CardWriter): the code that is given and the command that checks it go before the
   first hint, the folded solution after the last one. The card ends there: what follows a
   solution is the page's own text again.
2. On the tree (CardBuilder): heading, statement, hints and solution move into one section; the
   heading's attributes become a line of facts; hints and solution stay out of the search index.
"""

from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from markdown import Markdown
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from chapters.course.exercise_pages import (
    HEADING,
    HINT,
    Exercise,
    outside_fences,
    read_exercises,
)
from docs._extension.code import Code, exercise_code
from docs._extension.errors import plainly

WITHHELD = "This copy of the course comes without its solutions."


class CardWriter(Preprocessor):
    """Preprocessor that adds each exercise's code to the page."""

    def __init__(self, md: Markdown, root: Path) -> None:
        super().__init__(md)
        self.root = root

    @plainly
    def run(self, lines: list[str]) -> list[str]:
        """Return the lines with code put into each exercise."""
        plain = dict(outside_fences(lines))
        starts = {i: match[1] for i, line in plain.items() if (match := HEADING.match(line))}
        if starts:
            # Reads every chapter page: a misspelt attribute stops the build, with file and line.
            read_exercises(self.root / "docs")
        for start, number in reversed(starts.items()):
            end = next((i for i in plain if i > start and plain[i].startswith("#")), len(lines))
            lines[start:end] = self._filled(number, lines[start:end])
        return lines

    def _filled(self, number: str, lines: list[str]) -> list[str]:
        code = exercise_code(self.root, number)
        plain = dict(outside_fences(lines))
        hints = [i for i, line in plain.items() if HINT.match(line)]
        first = hints[0] if hints else len(lines)
        last = hints[-1] + 1 if hints else len(lines)
        while last < len(lines) and (not lines[last].strip() or lines[last].startswith("    ")):
            last += 1
        return [
            *lines[:first],
            "",
            *_given(number, code),
            "",
            *lines[first:last],
            "",
            *_solution(code),
            "",
            *lines[last:],
        ]


def _given(number: str, code: list[Code]) -> list[str]:
    blocks = []
    for part in code:
        blocks += [
            f'``` {{ .{part.language} .given title="chapters/{part.file}" }}',
            *part.given.splitlines(),
            "```",
            "",
        ]
    return [*blocks, "``` { .text .check }", f"mi check {number}", "```"]


def _solution(code: list[Code]) -> list[str]:
    block = ['??? solution "Solution"', ""]
    for part in code:
        if part.solution is None:
            return [*block, f"    {WITHHELD}"]
        block += [f'    ``` {{ .{part.language} title="solutions/{part.file}" }}']
        block += [f"    {line}".rstrip() for line in part.solution.splitlines()]
        block += ["    ```", ""]
    return block


class CardBuilder(Treeprocessor):
    """Tree processor that puts each exercise into a section."""

    def __init__(self, md: Markdown, root: Path) -> None:
        super().__init__(md)
        self.root = root

    @plainly
    def run(self, root: Element) -> None:
        """Move each exercise heading, and all up to its solution, into a section."""
        headings = [h for h in root if h.tag == "h3" and "exercise" in _classes(h)]
        if not headings:
            return
        exercises = read_exercises(self.root / "docs")
        for heading in headings:
            number = "".join(heading.itertext()).split()[0]
            children = list(root)
            start = children.index(heading)
            stop = next(
                i
                for i, child in enumerate(children[start:], start)
                if child.tag == "details" and "solution" in _classes(child)
            )
            card = Element("section", {"class": "exercise"})
            if exercises[number].core:
                card.set("class", "exercise core")
            for child in children[start : stop + 1]:
                root.remove(child)
                card.append(child)
            for fold in card.iter("details"):
                fold.set("data-search-exclude", "")
            _dress(heading, exercises[number])
            card.insert(1, _facts(exercises[number], exercise_code(self.root, number)))
            root.insert(start, card)


def _classes(element: Element) -> list[str]:
    return element.get("class", "").split()


def _dress(heading: Element, exercise: Exercise) -> None:
    """Replace the heading's attributes by an anchor, and mark number and star."""
    anchor = f"exercise-{exercise.number.replace('.', '-')}"
    label = f"{exercise.number} {exercise.title}" + (" ★" if exercise.core else "")
    heading.attrib = {"id": anchor, "data-toc-label": label}
    heading.text = ""
    number = SubElement(heading, "span", {"class": "number"})
    number.text = exercise.number
    number.tail = f" {exercise.title} "
    if exercise.core:
        star = SubElement(heading, "span", {"class": "star"})
        star.text = "★ core"


def _facts(exercise: Exercise, code: list[Code]) -> Element:
    facts = Element("ul", {"class": "facts", "data-search-exclude": ""})
    for name in ("difficulty", "importance"):
        fact = SubElement(facts, "li")
        fact.text = f"{name.capitalize()} "
        fact.append(_dots(name, getattr(exercise, name)))
    SubElement(facts, "li").text = f"{exercise.minutes} minutes"
    SubElement(facts, "li").text = f"{exercise.points} point{'s' * (exercise.points != 1)}"
    fact = SubElement(facts, "li")
    fact.text = "in "
    names = [name for part in code for name in part.names]
    for name in names:
        shown = SubElement(fact, "code")
        shown.text = name
        shown.tail = ", " if name != names[-1] else ""
    for fact in facts:
        fact.tail = "\n"
    return facts


def _dots(name: str, level: int) -> Element:
    """Draw a level of 1 to 5 as dots that a screen reader reads out as a sentence."""
    dots = Element("span", {"class": "dots", "role": "img"})
    dots.set("aria-label", f"{name} {level} of 5")
    for kind, drawn in (("on", "●" * level), ("off", "○" * (5 - level))):
        SubElement(dots, "span", {"class": kind, "aria-hidden": "true"}).text = drawn
    return dots
