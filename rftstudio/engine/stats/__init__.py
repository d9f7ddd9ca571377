"""Small statistics for comparing models: intervals, paired differences, pass@k, readiness.

Pure functions over numbers. SciPy is imported inside the one function that needs it, so that importing this package
costs nothing. No pandas, no files, no grading.
"""

from rftstudio.engine.stats.interval import Interval, mean_interval
from rftstudio.engine.stats.paired import PairedDifference, paired_difference, sign_test
from rftstudio.engine.stats.passk import mean_pass_at_k, pass_at_k

__all__ = [
    "Interval",
    "PairedDifference",
    "mean_interval",
    "mean_pass_at_k",
    "paired_difference",
    "pass_at_k",
    "sign_test",
]
