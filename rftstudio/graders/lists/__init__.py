"""Lists of words with their other names, uploaded as CSV: read, kept as numbered versions, given to graders."""
