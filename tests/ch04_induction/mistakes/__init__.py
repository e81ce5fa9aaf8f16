"""Known mistakes and right answers, one file per topic."""
