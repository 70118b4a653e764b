"""`grok-tui presets`, `devices`, `themes`, `keys`: lists, as tables or as JSON."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from grok_tui.cli.flags import command_parser
from grok_tui.cli.output import print_json
from grok_tui.config.presets import load_preset, preset_names
from grok_tui.text import table

if TYPE_CHECKING:
    from grok_tui.tui.keys.keymap import Action


def parse(name: str, arguments: Sequence[str]) -> Namespace:
    """The options `list` (the command's name) and `json`."""
    parser = command_parser(name)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    options.list = name
    return options


def run(options: Namespace) -> int:
    """Print the list."""
    rows = _ROWS[options.list]()
    if options.json:
        print_json(rows)
    else:
        print(table(rows))
    return 0


def _presets() -> list[dict[str, Any]]:
    presets = [load_preset(name) for name in preset_names()]
    return [
        {
            "name": p.name,
            "grok_step": p.grok_step,
            "patient": p.patient,
            "fields": dict(p.fields),
            "sentence": p.sentence,
        }
        for p in presets
    ]


def _devices() -> list[dict[str, Any]]:
    from grok_tui.device.open import survey

    reports = list(survey())  # before tinygrad is imported: it prepares the environment
    from grok_tui.device.matmul import matmul_name

    return [
        {
            "name": report.name,
            "opens": not report.problem,
            "what": report.description,
            "note": report.problem or f"matrix products: {matmul_name(report.name)}",
        }
        for report in reports
    ]


def _themes() -> list[dict[str, Any]]:
    from grok_tui.tui.themes import load_themes

    themes, problems = load_themes()
    rows = [{"name": t.name, "dark": t.dark, "from": str(t.path)} for t in themes.values()]
    return rows + [{"name": "skipped", "dark": None, "from": problem} for problem in problems]


def _keys() -> list[dict[str, Any]]:
    from grok_tui.tui.app import occupied_keys, session_actions
    from grok_tui.tui.keys.keymap import SENTENCES, key_text, keys_of, load_keymap

    def what(action: Action) -> str:
        sentence = SENTENCES.get(action.id, action.what)
        return f"{action.scope}: {sentence}" if action.scope else sentence

    known = session_actions()
    keymap, problems = load_keymap(known, occupied_keys())
    rows: list[dict[str, Any]] = [
        {
            "id": a.id,
            "keys": [key_text(key) for key in a.keys],
            "what": what(a),
        }
        for a in keys_of(known, keymap)
    ]
    return rows + [{"id": "skipped", "keys": None, "what": problem} for problem in problems]


_ROWS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "presets": _presets,
    "devices": _devices,
    "themes": _themes,
    "keys": _keys,
}
