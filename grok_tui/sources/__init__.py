"""Where the events of a screen come from: a live trainer, or a recorded run."""
