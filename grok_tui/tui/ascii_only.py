"""Shows the screen in ASCII only: replaces each character by one that looks similar."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

UNKNOWN = "?"
_ARROWS = str.maketrans({"←": "left", "→": "right", "↑": "up", "↓": "down"})
# Fuller braille cells get a darker character, still lighter than those of the test curve.
_FEW_DOTS = 2
_ALIKE = str.maketrans(
    {
        **dict.fromkeys("←◀◁◂◄«⏎⌫", "<"),
        **dict.fromkeys("→▶▷▸►»", ">"),
        **dict.fromkeys("↑▲△▴", "^"),
        **dict.fromkeys("↓▼▽▾", "v"),
        **dict.fromkeys("↔–—−▔", "-"),  # noqa: RUF001
        **dict.fromkeys("•●■◆▪◼⬤", "*"),
        **dict.fromkeys("○□◇◦◯◻", "o"),
        **dict.fromkeys("▏▎▍▋▊▉▕", "|"),
        **dict.fromkeys("‘’′", "'"),  # noqa: RUF001
        **dict.fromkeys("“”″", '"'),
        **dict.fromkeys("×✗✘╳", "x"),  # noqa: RUF001
        **dict(zip("▁▂▃▄▅▆▇█", "_:+#%&8@", strict=True)),
        **dict(zip("░▒▓", ".:%", strict=True)),
        **dict(zip("╱╲·✓✔±≤≥≈÷", "/\\.+++<>~/", strict=True)),  # noqa: RUF001
        "🔎": "/ ",
    }
)


class AsciiOnly(LineFilter):
    """Translates every line of the screen, keeping its width."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [
            segment
            if segment.text.isascii()
            else Segment(ascii_text(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def spelled(keys: str) -> str:
    """Names of keys with arrows as words, since ASCII arrows look like other keys."""
    return keys.translate(_ARROWS)


def ascii_text(text: str) -> str:
    """The text in ASCII, with the same width in columns."""
    return "".join(map(_ascii, text))


@lru_cache(4096)
def _ascii(character: str) -> str:
    alike = _alike(character)
    width = cell_len(character)
    return alike if len(alike) == width and alike.isascii() else UNKNOWN * width


def _alike(character: str) -> str:
    """Similar text for a character: possibly itself, or more than one character."""
    known = character.translate(_ALIKE)
    if known != character:
        return known
    kind, _, name = unicodedata.name(character, "").partition(" ")
    if kind == "BOX":
        return _box(set(name.split()))
    if kind == "BRAILLE":
        dots = (ord(character) & 0xFF).bit_count()
        return " " if not dots else "." if dots <= _FEW_DOTS else ":"
    if kind == "QUADRANT" or name == "HALF BLOCK" or "SEXTANT" in name:
        return "#"
    return unicodedata.normalize("NFKD", character)[:1]  # without accent or enclosure


def _box(words: set[str]) -> str:
    """A line if the box character runs in one direction only, else a corner."""
    if not words & {"VERTICAL", "UP", "DOWN"}:
        return "-"
    return "+" if words & {"HORIZONTAL", "LEFT", "RIGHT"} else "|"
