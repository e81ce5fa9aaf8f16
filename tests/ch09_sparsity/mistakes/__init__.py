"""Known mistakes of chapter 9, and right answers written another way."""
