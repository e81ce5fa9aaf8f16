"""What --thorough adds: tests marked `thorough`, and heavy graders on other answers."""

from types import SimpleNamespace

import pytest

from .thorough import pytest_collection_modifyitems, without_heavy


class Item:
    """A test with some markers."""

    def __init__(self, *marks: str):
        self.marks = {name: getattr(pytest.mark, name).mark for name in marks}

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return self.marks.get(name)


@pytest.mark.parametrize("thorough, left", [(False, ["light", "heavy"]), (True, None)])
def test_thorough_tests_are_deselected_without_the_option(thorough, left):
    items = {"light": Item(), "rare": Item("thorough"), "heavy": Item("heavy")}
    chosen, deselected = list(items.values()), []
    hook = SimpleNamespace(pytest_deselected=lambda items: deselected.extend(items))
    config = SimpleNamespace(getoption=lambda name: thorough, hook=hook)
    pytest_collection_modifyitems(config, chosen)
    assert chosen == [items[name] for name in left or items]
    assert deselected == ([] if thorough else [items["rare"]])
    again = [items["light"], items["heavy"]]
    assert without_heavy(again, config) == (again if thorough else again[:1])
