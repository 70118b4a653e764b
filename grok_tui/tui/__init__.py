"""The session: screens that draw a state reduced from events; never imports tinygrad."""
