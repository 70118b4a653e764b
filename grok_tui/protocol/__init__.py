"""What a trainer and the rest of the program exchange (NumPy only)."""
