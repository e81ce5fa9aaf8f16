"""Known mistakes of chapter 8, and right answers written another way."""
