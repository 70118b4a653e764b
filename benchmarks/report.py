"""Prints the report as a table or as one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.kernels import Kernel
from benchmarks.results import Result, Section

# Wide enough for every column, if standard output is not a terminal.
_WIDTH = 120


def print_json(
    machine: Mapping[str, str], sections: Sequence[Section], kernels: Sequence[Kernel]
) -> None:
    content = {
        "machine": dict(machine),
        "sections": [asdict(section) for section in sections],
        "kernels": [asdict(kernel) for kernel in kernels],
    }
    sys.stdout.write(json.dumps(content, indent=2) + "\n")


def print_table(
    machine: Mapping[str, str], sections: Sequence[Section], kernels: Sequence[Kernel]
) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), markup=False)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("what", "grok-tui", "against", "ratio", "target", ""):
        table.add_column(
            heading, justify="right" if heading in {"grok-tui", "ratio"} else "left"
        )
    for section in sections:
        if section.not_measured:
            table.add_row(section.name, "", escape(f"not measured: {section.not_measured}"))
        for result in section.results:
            table.add_row(*_cells(result))
        table.add_section()
    console.print(table)
    if kernels:
        console.print(_kernel_table(kernels))


def _cells(result: Result) -> tuple[str, ...]:
    against = result.against
    if result.theirs is not None:
        against += f" {_value(result.theirs, result.unit)}"
    return (
        result.name,
        _value(result.ours, result.unit),
        against,
        "" if result.ratio is None else f"{result.ratio:.2f}x",
        result.target,
        {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[result.met],
    )


def _value(value: float, unit: str) -> str:
    """A value with three digits, since more would be noise."""
    digits = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()


def _kernel_table(kernels: Sequence[Kernel]) -> Table:
    table = Table("kernel of the train step", box=box.SIMPLE_HEAD)
    for heading in ("calls", "ms", "share"):
        table.add_column(heading, justify="right")
    for kernel in kernels:
        row = f"{kernel.calls}", f"{1e3 * kernel.seconds:.3f}", f"{100 * kernel.share:.1f} %"
        table.add_row(kernel.name, *row)
    total = sum(kernel.seconds for kernel in kernels)
    table.add_row("all", "", f"{1e3 * total:.3f}", "")
    return table
