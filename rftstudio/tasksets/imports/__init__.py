"""Bring a file in: read it, map its columns, check every row. Nothing here saves anything."""
