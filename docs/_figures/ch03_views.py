"""Write the logit lens and the attribution of the real model on one text, for the viewers."""

from docs._figures.lib.text_views import write_views

TEXT = "The opposite of hot is cold. The opposite of tall is"

if __name__ == "__main__":
    write_views(
        __file__,
        {
            "ch03_view_lens": ("lens", f"The logit lens after each third layer on: {TEXT}"),
            "ch03_view_attribution": ("attribution", f"Each prediction's logit, split, on: {TEXT}"),
        },
        [TEXT],
    )
