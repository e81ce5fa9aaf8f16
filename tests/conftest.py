"""Every test below here runs under the grading plugin, and on one thread.

Two workers with two threads each on two cores wait for each other; what is tested here is tiny.
"""

import torch

pytest_plugins = ["tests.grading.plugin"]

torch.set_num_threads(1)
