"""Many runs as one sweep: a grid of settings and seeds, trained by several workers."""

from pathlib import Path

RESULTS = "sweep.json"


def is_sweep(folder: Path) -> bool:
    """Whether a directory holds a sweep."""
    return (folder / RESULTS).is_file()
