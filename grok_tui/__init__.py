"""grok-tui: train a small transformer in the terminal and watch it grok."""

__version__ = "0.1.0"
