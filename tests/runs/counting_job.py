"""A job that follows the directory protocol and computes nothing: it counts steps, quickly and exactly.

It stands in for the engine where a test needs hundreds of steps a minute, a crash at a chosen step or a
deaf process; `test_real_training.py` runs the engine itself. The reward of a step is a function of the step.
settings: steps, step_seconds, checkpoint_every, crash_at (once), die_at (always, until there is a file named as
`mended` says), full_at (ends with the code of a full disk), fail_at, deaf, garble_at, leave_child (seconds), answers
(to each of two tasks), hash_of (a variable: writes the hash of its value).
"""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rftstudio.engine.events import Log
from rftstudio.engine.job import read_job


def reward(step: int) -> float:
    return round((step * 37 % 101) / 101, 4)


def main(directory: Path) -> int:
    settings = read_job(directory).settings
    stopping = []
    if settings.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    if settings.get("leave_child"):
        sleeper = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({settings['leave_child']})"])
        (directory / "child").write_text(str(sleeper.pid))
    if name := settings.get("hash_of"):
        (directory / "hash").write_text(hashlib.sha256(os.environ.get(name, "").encode()).hexdigest())
    events, rollouts = Log(directory / "events.jsonl"), Log(directory / "rollouts.jsonl")
    steps = settings["steps"]
    events.append({"type": "started", "level": "info", "message": "", "data": {"total_steps": steps}}, key="started")
    saved = directory / "checkpoint"
    first = int(saved.read_text()) + 1 if saved.exists() else 0
    print("counting from", first, flush=True)
    for step in range(first, steps + 1):
        time.sleep(settings.get("step_seconds", 0.01))
        phase = "train" if step else "valid"
        rows = [
            {
                "step": step, "phase": phase, "group": group, "index": index, "item_id": f"item-{group}",
                "text": f"answer {step} {index} \x00", "tokens": 3, "truncated": False, "discard": "",
                "grade": {"name": "g", "type": "string_check", "score": reward(step), "children": []},
                "reward": reward(step), "advantage": 0.5 if index else -0.5,
            }
            for group in range(2) for index in range(settings.get("answers", 2))
        ]  # fmt: skip
        rollouts.append_many(rows, keys=[f"{step}:{phase}:{row['group']}:{row['index']}" for row in rows])
        data = {"step": step, "total_steps": steps, "timing": {"step": 0.01}}
        data["train_reward_mean" if step else "valid_reward_mean"] = reward(step)
        events.append({"type": "metrics", "level": "info", "message": "", "data": data}, key=f"metrics:{step}")
        if step == settings.get("garble_at"):
            with (directory / "events.jsonl").open("a") as file:
                file.write("{not json\n")
        if step == settings.get("full_at"):
            return 7
        if step == settings.get("die_at") and not (directory / settings.get("mended", "-")).exists():
            os.kill(os.getpid(), signal.SIGKILL)
        if step == settings.get("crash_at") and not (directory / "crashed").exists():
            (directory / "crashed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if step == settings.get("fail_at"):
            raise RuntimeError("the tape is full")
        if step % settings.get("checkpoint_every", 5) == 0:
            saved.write_text(str(step))
            where = {"step": step, "path": f"checkpoints/step-{step}", "valid_reward_mean": reward(step)}
            (directory / where["path"]).mkdir(parents=True, exist_ok=True)
            (directory / where["path"] / "adapter_config.json").write_text("{}")
            where |= {"metrics": {}, "best": step == 0, "adapter_hash": "a" * 64}
            events.append(
                {"type": "checkpoint", "level": "info", "message": "", "data": where}, key=f"checkpoint:{step}"
            )
        if stopping and not (directory / "stop").exists():
            saved.write_text(str(step))
            events.append({"type": "message", "level": "info", "message": "Ended by the system.", "data": {}}, key="")
            return 6
        if (directory / "stop").exists() and not settings.get("deaf"):
            finish(events, "cancelled", "Stopped as asked.")
            return 3
        if (directory / "pause").exists() and step < steps and not settings.get("deaf"):
            saved.write_text(str(step))
            data = {"step": step, "reason": "", "finding": ""}
            events.append({"type": "paused", "level": "info", "message": "Paused.", "data": data}, key=f"paused:{step}")
            return 5
    finish(events, "succeeded", "Done.")
    return 0


def finish(events: Log, status: str, message: str) -> None:
    data = {"status": status, "culprit": "", "best_step": 0, "seconds": 1.0}
    events.append({"type": "finished", "level": "info", "message": message, "data": data}, key="finished")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
