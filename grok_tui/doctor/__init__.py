"""The doctor: why a run does not grok, with evidence (NumPy, pure)."""

from grok_tui.doctor.case import HEALTHY, Case, Curve, Verdict, case_of
from grok_tui.doctor.diagnose import diagnose

__all__ = ["HEALTHY", "Case", "Curve", "Verdict", "case_of", "diagnose"]
