"""The keys: their bindings, the user's keymap, and the command palette."""
