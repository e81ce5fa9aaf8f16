"""Write the attention patterns of the real model on words that repeat, for the viewer."""

from docs._figures.lib.text_views import write_views

SEGMENT = " river clock paper seven garden stone music bread"

if __name__ == "__main__":
    write_views(
        __file__,
        {
            "ch04_patterns": (
                "patterns",
                f"Attention of every head on a start token and, twice,{SEGMENT}",
            )
        },
        [SEGMENT, SEGMENT],
    )
