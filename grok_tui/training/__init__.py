"""Numbers only: tasks, model, optimiser, training loop. Knows no screen and no file."""
