# Aliases of `python -m chapters`, which works on Windows too.
PYTHON ?= python3

.PHONY: course test test-slow book clean

course:
	$(PYTHON) -m chapters course $(if $(filter no,$(SERVE)),--no-serve)

test:
	$(PYTHON) -m chapters test

test-slow:
	$(PYTHON) -m chapters test --slow

book:
	$(PYTHON) -m chapters book

# Deletes what was built; the learner's answers and progress stay.
clean:
	rm -rf .venv .venv.broken* site build *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache
