"""The widgets that screens and panes are made of."""
