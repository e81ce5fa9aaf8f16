"""Known mistakes of chapter 11, and right answers written another way."""
