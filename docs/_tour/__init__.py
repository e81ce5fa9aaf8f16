"""The tour: what the finished instruments see in the real model, on a prompt of your own."""
