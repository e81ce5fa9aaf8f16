"""Every test below here runs under the grading plugin."""

pytest_plugins = ["tests.grading.plugin"]
