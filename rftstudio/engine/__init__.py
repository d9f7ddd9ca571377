"""The workshop: grading, training, inference and statistics. It knows no Django, no database and no broker."""
