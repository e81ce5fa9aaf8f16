"""The list of checkpoints that `load_pretrained` reads, and the page that is written from it."""
