"""The settings: their schema, the sources of their values, and the presets."""
