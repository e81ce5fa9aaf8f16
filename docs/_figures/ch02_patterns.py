"""Write the attention patterns of all heads of the real model on one sentence, for the viewer."""

from docs._figures.lib.text_views import write_views

TEXT = "The keys to the old wooden cabinet are on the table, because she forgot them."

if __name__ == "__main__":
    write_views(
        __file__, {"ch02_patterns": ("patterns", f"Attention of every head on: {TEXT}")}, [TEXT]
    )
