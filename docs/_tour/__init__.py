"""The tour: the tools of the finished chapters on the real model and a prompt of your own."""
