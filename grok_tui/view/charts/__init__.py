"""Charts: windows, scales, lines, and drawing them with plotext."""
