"""Pages of this room: comparisons and readiness checks."""
