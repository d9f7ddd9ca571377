"""Secrets of a workspace: what `endpoint` graders send along. Kept by owners, shown to nobody."""
