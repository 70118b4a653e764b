"""How fast the program is, against a straight PyTorch port and against its own parts."""
