"""Numbers as short text, the same on every screen and in every line."""

from __future__ import annotations

MISSING = "-"


def number(value: float | None) -> str:
    """Three significant digits: 4.76, 0.0123, 1.2e-07; `-` for None."""
    if value is None:
        return MISSING
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e5):
        return f"{value:.1e}"
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def percent(share: float | None) -> str:
    """A share in 0..1 as 99.2%; `-` for None."""
    return MISSING if share is None else f"{100 * share:.1f}%"


def duration(seconds: float | None) -> str:
    """Seconds as 0:42, 12:05 or 3:07:09; `-` for None."""
    if seconds is None:
        return MISSING
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def plain(text: str) -> str:
    """Text without what a terminal may obey: lines, and `?` for what cannot be printed."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def one_line(text: str) -> str:
    """Plain text without line breaks."""
    return " ".join(plain(text).split("\n"))
