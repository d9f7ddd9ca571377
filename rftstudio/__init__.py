"""RFT Studio: write tasks, say how they are marked, train a model by reinforcement, and see what changed."""

__version__ = "0.1.0"
