"""Pages of this room: `listing.py` shows what there is, `adding.py` brings more."""
