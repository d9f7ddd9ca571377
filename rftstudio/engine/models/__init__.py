"""Base models as files: what they hold, whether they may be used here, and how they come from a hub. No torch.

python -m rftstudio.engine.models look ORG/NAME [--revision main]
python -m rftstudio.engine.models fetch ORG/NAME --revision COMMIT --into DIRECTORY
python -m rftstudio.engine.models read DIRECTORY
"""
