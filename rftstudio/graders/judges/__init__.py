"""Judges: models behind an OpenAI-compatible address that mark answers. Set up by owners, used by graders."""
