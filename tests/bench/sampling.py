"""Tokens a second of the sampler against the model's own `generate`, and both against the machine's limit.

    python -m tests.bench.sampling [--shape A] [--json]

The two take turns in one process, on the reference shapes, `generate` with a model as transformers loads it; nothing
ends an answer, so both make the same number of tokens. The limit is what the machine reaches in a large matrix product,
measured in the same run. Its share counts two operations for each weight that a token goes through, attention left out,
and a prompt's tokens once for its whole group with us, once for each answer with `generate`.
"""

import argparse
import json
import random
import statistics
from typing import Any

from rftstudio.engine.process import settle_process
from tests.bench.shapes import SHAPES, Shape, limit, prompts_for, seconds, weights


def compare(shape: Shape, path: str, rounds: int) -> dict[str, Any]:
    """One uncounted round of each, then `rounds` in turn; medians."""
    import torch
    from transformers import AutoModelForCausalLM

    from rftstudio.engine.inference import loading
    from rftstudio.engine.inference.sampler import Sampler
    from rftstudio.engine.job import Model

    tokenizer = loading.load_tokenizer(Model(path))
    where = loading.device()
    model = loading.load_model(Model(path), where)
    plain = AutoModelForCausalLM.from_pretrained(path, dtype=loading.dtype_for(where)).to(where).eval()
    prompts = prompts_for(shape, tokenizer, shape.prompts)
    sampler = Sampler(model, stop=[], pad=tokenizer.pad_token_id)
    generator = random.Random(0)

    def ours() -> None:
        seeds = [[generator.getrandbits(60) for _ in range(shape.group)] for _ in prompts]
        made = sampler.sample(prompts, seeds, max_new_tokens=shape.new_tokens, temperature=1.0)
        assert all(len(answer.tokens) == shape.new_tokens for group in made for answer in group)

    # TRL repeats each prompt for its group, as here; all are of one length, so that nothing is padded.
    rows = torch.tensor([prompt for prompt in prompts for _ in range(shape.group)], device=where)

    @torch.inference_mode()
    def theirs() -> None:
        made = plain.generate(
            rows,
            attention_mask=torch.ones_like(rows),
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            min_new_tokens=shape.new_tokens,
            max_new_tokens=shape.new_tokens,
            pad_token_id=tokenizer.pad_token_id,
        )
        assert made.shape[1] == shape.prompt_tokens + shape.new_tokens

    taken: dict[str, list[float]] = {"ours": [], "generate": []}
    for _ in range(rounds + 1):
        taken["ours"].append(seconds(ours))
        taken["generate"].append(seconds(theirs))
    layers, head = weights(model)
    best = limit(where) / 1e9
    new = shape.prompts * shape.group * shape.new_tokens
    read = {"ours": shape.prompts * shape.prompt_tokens, "generate": rows.numel()}
    result: dict[str, Any] = {"limit_gflops": round(best, 1), "new_tokens": new}
    for name, times in taken.items():
        middle = statistics.median(times[1:])
        work = 2 * (new * (layers + head) + read[name] * layers) / 1e9
        result[f"{name}_seconds"] = round(middle, 3)
        result[f"{name}_tokens_per_second"] = round(new / middle, 1)
        result[f"{name}_share_of_limit"] = round(work / middle / best, 3)
    result["ratio"] = round(result["generate_seconds"] / result["ours_seconds"], 2)
    return result


def main() -> None:
    settle_process()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--shape", choices=sorted(SHAPES), help="one of the shapes (default: all)")
    parser.add_argument("--model", help="a model directory (default: the embedded model)")
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds of each")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    from tests.engine.models import embedded_model

    model = given.model or str(embedded_model())
    for name in [given.shape] if given.shape else sorted(SHAPES):
        result = {"shape": name, **compare(SHAPES[name], model, given.rounds)}
        if given.json:
            print(json.dumps(result))
            continue
        for key, value in result.items():
            print(f"{key:28} {value}")


if __name__ == "__main__":
    main()
