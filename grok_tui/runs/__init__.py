"""The run directory: written while training, read back afterwards."""
