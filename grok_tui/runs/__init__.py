"""The run directory: what is written while training and read back afterwards."""
