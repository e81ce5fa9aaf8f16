"""How fast the reference model is, side by side with others: `python -m tests.benchmarks`."""
