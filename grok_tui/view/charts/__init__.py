"""What the charts show: windows, scales, lines, and their drawing with plotext."""
