"""Attribution graphs of text_4l, with dictionaries trained for it."""
