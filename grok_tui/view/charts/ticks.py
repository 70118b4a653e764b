"""Positions and labels of the ticks of an axis."""

from __future__ import annotations

import math

_MANTISSAS = (1, 2, 5)


def step_ticks(first: float, last: float, width: int) -> list[float]:
    """At least two round steps from `first` to `last`, spaced for their labels if possible.

    first, last: whole steps. width: of the axis, in columns.
    """
    count = max(2, min(8, width // 14))
    rough = max(1.0, (last - first) / count)
    unit = 10.0 ** math.floor(math.log10(rough))
    strides = [unit * m for m in (0.1, 0.2, 0.5, *_MANTISSAS, 10) if unit * m >= 1]
    tried = [stride for stride in strides if stride < rough]
    tried.append(next(stride for stride in strides if stride >= rough))
    for stride in reversed(tried):
        start, end = math.ceil(first / stride), math.floor(last / stride)
        if end > start:
            break
    return [i * stride for i in range(start, end + 1)]


def step_label(step: float) -> str:
    """500, 12k, 1.5M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if step >= 10 * size or (step >= size and letter == "M"):
            return f"{step / size:.12g}{letter}"
    return f"{step:g}"


def log_step_ticks(low: float, high: float, width: int) -> list[float]:
    """Logarithms of round steps between the limits, spaced for their labels."""
    logs = log_ticks(low, high, width // 4)
    if len(logs) > 1:
        return logs
    return [math.log10(step) for step in step_ticks(round(10**low), round(10**high), width)]


def round_logs(low: float, high: float) -> tuple[float, float]:
    """The narrowest limits around two logarithms that are logs of 1, 2 or 5 times 10^k."""
    below = max(log for log in _round_logs_near(low) if log <= low + 1e-9)
    above = min(log for log in _round_logs_near(high) if log >= high - 1e-9)
    if above <= below:
        above = min(log for log in _round_logs_near(high) if log > below + 1e-9)
    return below, above


def log_ticks(low: float, high: float, rows: int) -> list[float]:
    """Logarithms of round numbers between the limits: powers of ten if there are enough."""
    at_most = max(2, rows // 2)
    powers = list(range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1))
    if len(powers) > 1 and high - low > 1.5:
        stride = math.ceil(len(powers) / at_most)
        return [float(power) for power in powers if power % stride == 0]
    span = range(math.floor(low), math.ceil(high) + 1)
    logs = [k + math.log10(m) for k in span for m in _MANTISSAS]
    return [log for log in logs if low - 1e-9 <= log <= high + 1e-9]


def log_label(log: float) -> str:
    """The label of the number with this logarithm, as in `number_label`."""
    return number_label(10.0**log)


def round_above(number: float) -> float:
    """Round a positive number up to a digit times a power of ten."""
    unit = 10.0 ** math.floor(math.log10(number))
    return math.ceil(number / unit * (1 - 1e-9)) * unit


def linear_ticks(high: float, rows: int) -> list[float]:
    """Multiples of one number from 0 to `high`, each a digit times a power of ten."""
    unit = 10.0 ** math.floor(math.log10(high) + 1e-9)
    most = round(high / unit)
    if most == 1:
        unit, most = unit / 10, 10
    strides = (1, 2, 5) if most == 10 else range(1, most + 1)
    stride = next((s for s in strides if most // s < max(2, rows // 2)), most)
    return [i * stride * unit for i in range(most // stride + 1)]


def number_label(number: float) -> str:
    """0.01, 5, 2e-6."""
    if not number or 0.0099 < number < 9999:
        return f"{number:.3g}"
    mantissa, exponent = f"{number:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def percent_ticks(rows: int) -> list[float]:
    if rows >= 9:
        return [0.0, 25.0, 50.0, 75.0, 100.0]
    return [0.0, 50.0, 100.0] if rows >= 3 else [0.0, 100.0]


def _round_logs_near(log: float) -> list[float]:
    power = math.floor(log)
    return [k + math.log10(m) for k in (power - 1, power, power + 1) for m in _MANTISSAS]
