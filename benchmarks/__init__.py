"""Measures the program's speed, against a plain PyTorch port and against its own parts."""
