"""`mi graph`: an attribution graph of the real model on a prompt of your own, in the explorer."""
