"""Where the ticks of an axis go, and what they say."""

from __future__ import annotations

import math

_MANTISSAS = (1, 2, 5)


def step_ticks(first: float, last: float, width: int) -> list[float]:
    """Round steps from `first` to `last`, far enough apart for their labels."""
    count = max(2, min(8, width // 14))
    rough = max(1.0, (last - first) / count)
    unit = 10.0 ** math.floor(math.log10(rough))
    stride = next(unit * m for m in (*_MANTISSAS, 10) if unit * m >= rough)
    start, end = math.ceil(first / stride), math.floor(last / stride)
    return [i * stride for i in range(start, end + 1)]


def step_label(step: float) -> str:
    """500, 12k, 1.5M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if step >= 10 * size or (step >= size and letter == "M"):
            return f"{step / size:g}{letter}"
    return f"{step:g}"


def round_logs(low: float, high: float) -> tuple[float, float]:
    """The narrowest limits around two logarithms that are 1, 2 or 5 times a power of ten."""
    below = max(log for log in _round_logs_near(low) if log <= low + 1e-9)
    above = min(log for log in _round_logs_near(high) if log >= high - 1e-9)
    if above <= below:
        above = min(log for log in _round_logs_near(high) if log > below + 1e-9)
    return below, above


def log_ticks(low: float, high: float, rows: int) -> list[float]:
    """Logarithms of round numbers in the limits: powers of ten if they are enough."""
    at_most = max(2, rows // 2)
    powers = list(range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1))
    if len(powers) > 1 and high - low > 1.5:
        stride = math.ceil(len(powers) / at_most)
        return [float(power) for power in powers if power % stride == 0]
    span = range(math.floor(low), math.ceil(high) + 1)
    logs = [k + math.log10(m) for k in span for m in _MANTISSAS]
    return [log for log in logs if low - 1e-9 <= log <= high + 1e-9]


def log_label(log: float) -> str:
    """The number itself: 0.01, 5, 2e-6."""
    number = 10.0**log
    if 0.0099 < number < 9999:
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
