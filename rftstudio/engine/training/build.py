"""Puts a trainer together from a loaded model and a run's settings."""

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from peft import LoraConfig, PeftModel
from transformers import PrinterCallback, TrainerCallback
from trl import GRPOConfig, SFTConfig

from rftstudio.engine.inference.folded import fold
from rftstudio.engine.inference.loading import Prompt
from rftstudio.engine.inference.sampler import Sampler
from rftstudio.engine.presets import TrainingSettings
from rftstudio.engine.training.checkpoints import Saved
from rftstudio.engine.training.grpo import StudioTrainer
from rftstudio.engine.training.journal import Journal
from rftstudio.engine.training.lessons import Lesson
from rftstudio.engine.training.packed_loss import REFERENCE
from rftstudio.engine.training.reporter import Reporter
from rftstudio.engine.training.sft import CopyTrainer, dataset_of
from rftstudio.engine.training.stages import Stage


def configure(
    settings: TrainingSettings, *, output_dir: str, seed: int, on_cpu: bool, run_name: str | None = None
) -> GRPOConfig:
    """Our settings in TRL's words. A step is one batch; TRL counts its updates. run_name: what trackers call it."""
    return GRPOConfig(
        output_dir=output_dir,
        run_name=run_name,
        max_steps=settings.steps * settings.updates_per_batch,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=1,
        steps_per_generation=1,
        num_generations=settings.group_size,
        num_iterations=settings.updates_per_batch,
        max_completion_length=settings.max_completion_length,
        temperature=settings.temperature,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="constant",  # `StudioTrainer.create_scheduler` has its own
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        beta=settings.beta,
        entropy_coef=settings.entropy_coef,
        epsilon=settings.epsilon,
        epsilon_high=settings.epsilon_high,
        loss_type=settings.method.loss,
        importance_sampling_level=settings.method.level,
        scale_rewards=settings.scale_rewards,
        mask_truncated_completions=settings.mask_truncated,
        use_cpu=on_cpu,
        bf16=not on_cpu,
        activation_checkpointing=False,  # by its older name it is on by default in TRL
        seed=seed,
        logging_steps=1,
        report_to=[],  # `Tracking` calls the same callbacks, with our figures and guarded
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        ignore_data_skip=True,  # `DataOrder` starts where the checkpoint ended
    )


def configure_copying(
    settings: TrainingSettings, *, output_dir: str, seed: int, on_cpu: bool, run_name: str | None = None
) -> SFTConfig:
    """The same of a stage that copies reference answers. Nothing is cut, packed or masked but by us."""
    return SFTConfig(
        output_dir=output_dir,
        run_name=run_name,
        max_steps=settings.steps,
        per_device_train_batch_size=settings.sft_batch_size,
        gradient_accumulation_steps=1,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        learning_rate=settings.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        use_cpu=on_cpu,
        bf16=not on_cpu,
        activation_checkpointing=False,
        seed=seed,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        ignore_data_skip=True,
    )


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
    stage: Stage | None = None,
    tracking: TrainerCallback | None = None,
    run_name: str | None = None,
) -> StudioTrainer:
    """A trainer by reinforcement ready to go, from the start or from `saved`.

    model: plain, or with an adapter to go on with. A KL penalty holds it near what it is now: the base model with the
    adapter off, or a frozen copy of the adapter that it comes with.
    """
    stage = stage or Stage("rft", 0, settings.steps, settings.updates_per_batch)
    own = stage.settings(settings)
    begun = isinstance(model, PeftModel)
    on_cpu = model.device.type == "cpu"
    trainer = StudioTrainer(
        model=model,
        processing_class=tokenizer,
        args=configure(own, output_dir=str(reporter.directory), seed=seed, on_cpu=on_cpu, run_name=run_name),
        # The prompts' tokens are known; TRL sees the items' ids in place of their text.
        train_dataset=Dataset.from_dict({"prompt": [p.item.id for p in prompts], "row": list(range(len(prompts)))}),
        peft_config=None if begun else lora(settings),
        callbacks=[reporter, tracking] if tracking else [reporter],
        settings=own,
        stage=stage,
        prompts=prompts,
        sampler=sampler,
        rewarder=journal.rewarder,
        on_answer=journal.rewarder.take,
        on_batch=journal.write_batch,
        on_save=reporter.save,
        saved=saved,
    )
    for name, parameter in trainer.model.named_parameters():
        if f".{REFERENCE}." in name:
            parameter.requires_grad = False
    _settle(trainer, sampler, reporter)
    return trainer


def build_copier(
    model: Any,
    tokenizer: Any,
    settings: TrainingSettings,
    *,
    stage: Stage,
    lessons: Sequence[Lesson],
    sampler: Sampler,
    reporter: Reporter,
    saved: Saved | None,
    seed: int,
    tracking: TrainerCallback | None = None,
    run_name: str | None = None,
) -> CopyTrainer:
    """A trainer that copies reference answers, ready to go, from the start or from `saved`."""
    own = stage.settings(settings)
    on_cpu = model.device.type == "cpu"
    trainer = CopyTrainer(
        model=model,
        processing_class=tokenizer,
        args=configure_copying(own, output_dir=str(reporter.directory), seed=seed, on_cpu=on_cpu, run_name=run_name),
        train_dataset=dataset_of(lessons),
        peft_config=lora(settings),
        callbacks=[reporter, tracking] if tracking else [reporter],
        settings=own,
        stage=stage,
        lessons=lessons,
        on_save=reporter.save,
        saved=saved,
    )
    _settle(trainer, sampler, reporter)
    return trainer


def _settle(trainer: Any, sampler: Sampler, reporter: Reporter) -> None:
    trainer.remove_callback(PrinterCallback)
    fold(trainer.accelerator.unwrap_model(trainer.model))
    reporter.begin(trainer)
    sampler.model = trainer.model
