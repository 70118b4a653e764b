"""The session: screens that draw a state reduced from events. Never imports tinygrad."""
