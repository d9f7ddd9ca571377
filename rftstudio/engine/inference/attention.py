"""What kind of attention a model has, as far as its configuration tells."""

from typing import Any


def full_attention_only(config: Any) -> bool:
    """Whether every layer attends to everything before it: no sliding window, no recurrence, no encoder."""
    text = config.get_text_config()
    kinds = getattr(text, "layer_types", None) or ["full_attention"]
    window = getattr(text, "sliding_window", None) if getattr(text, "use_sliding_window", True) else None
    return (
        all(kind == "full_attention" for kind in kinds)
        and not window
        and not getattr(config, "is_encoder_decoder", False)
    )


def plain_logits(config: Any) -> bool:
    """Whether logits are the output embeddings' and nothing more: no soft cap, no scale."""
    text = config.get_text_config()
    names = ("final_logit_softcapping", "logit_scale", "output_multiplier", "logits_scaling", "lm_head_multiplier")
    return all(getattr(text, name, None) in (None, 1.0) for name in names)
