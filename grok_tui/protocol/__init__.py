"""What passes between a trainer and the rest (NumPy only)."""
