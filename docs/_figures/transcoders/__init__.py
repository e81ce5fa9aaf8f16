"""Experiments of chapter 11: transcoders of text_4l."""
