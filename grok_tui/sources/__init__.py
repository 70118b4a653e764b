"""Where a screen's events come from: a live trainer or a recorded run."""
