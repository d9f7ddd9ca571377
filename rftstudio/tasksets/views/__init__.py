"""Pages of task sets: define, fill, import, publish."""
