"""Reading the losses that other programs wrote: bytes, rows, names, numbers, curves, a case."""
