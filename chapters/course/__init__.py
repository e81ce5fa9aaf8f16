"""The tools of the course: the `mi` commands, the import hook and the generator."""
