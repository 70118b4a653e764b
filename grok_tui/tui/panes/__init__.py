"""The panes of the main screen, in the order of their numbers."""
