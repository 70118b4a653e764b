"""Numbers only: tasks, model, optimizer, training loop. Knows no screen and no file."""
