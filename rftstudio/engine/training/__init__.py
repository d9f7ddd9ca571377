"""Reinforcement fine-tuning: GRPO with LoRA on TRL's trainer, as a job directory that survives being killed."""
