"""Sampling from a model, base or tuned: the batched sampler, the evaluation job and the embedded model."""
