"""The scripts that draw the book's figures, and the one plotting module (plotting.py)."""
