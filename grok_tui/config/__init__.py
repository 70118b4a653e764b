"""The settings: one schema, where their values come from, the presets."""
