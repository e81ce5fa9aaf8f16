"""Known mistakes of chapter 12, and right answers written another way."""
