"""Puts a trainer together from a loaded model and a run's settings."""

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback

from rftstudio.engine.inference.folded import fold
from rftstudio.engine.inference.loading import Prompt
from rftstudio.engine.inference.sampler import Sampler
from rftstudio.engine.presets import TrainingSettings
from rftstudio.engine.training.checkpoints import Saved
from rftstudio.engine.training.grpo import StudioTrainer, configure
from rftstudio.engine.training.journal import Journal
from rftstudio.engine.training.reporter import Reporter


def lora(settings: TrainingSettings) -> LoraConfig:
    """LoRA on every linear layer but the head (Hu et al. 2021; all layers as in Dettmers et al. 2023)."""
    return LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def build_trainer(
    model: Any,
    tokenizer: Any,
    settings: TrainingSettings,
    *,
    prompts: Sequence[Prompt],
    sampler: Sampler,
    journal: Journal,
    reporter: Reporter,
    saved: Saved | None,
    seed: int,
) -> StudioTrainer:
    """A trainer ready to go, from the start or from `saved`."""
    trainer = StudioTrainer(
        model=model,
        processing_class=tokenizer,
        args=configure(settings, output_dir=str(reporter.directory), seed=seed, on_cpu=model.device.type == "cpu"),
        # The prompts' tokens are known; TRL sees the items' ids in place of their text.
        train_dataset=Dataset.from_dict({"prompt": [p.item.id for p in prompts], "row": list(range(len(prompts)))}),
        peft_config=lora(settings),
        callbacks=[reporter],
        settings=settings,
        prompts=prompts,
        sampler=sampler,
        rewarder=journal.rewarder,
        on_batch=journal.write_batch,
        on_save=reporter.save,
        saved=saved,
    )
    trainer.remove_callback(PrinterCallback)
    fold(trainer.accelerator.unwrap_model(trainer.model))
    reporter.trainer = trainer
    sampler.model = trainer.model
    return trainer
