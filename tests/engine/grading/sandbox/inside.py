"""Every attack in jails of one combination: prints {"attacks": {name: [score, kind, message]}, "noticed", "lost"}.

Arguments: the combination's name, and for a weakened jail what is left out of it (a layer, or `files` to leave all
opens to the filter of system calls). The weakening is done by a subclass here; the product has no way to do it.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from rftstudio.engine.grading.sandbox.layers import Combination, named
from rftstudio.engine.grading.sandbox.limits import Limits
from rftstudio.engine.grading.sandbox.slot import JailLost, Outcome, Slot
from rftstudio.engine.grading.sandbox.source import read_program
from tests.engine.grading.sandbox.attacks import ATTACKS, WITNESSES
from tests.engine.grading.sandbox.world import World

SECONDS = 4.0
IMPATIENT = 0.25
BENIGN = read_program("def grade(sample, item):\n    return 0.25\n")


class Weakened(Slot):
    """A jail without one of its layers."""

    def __init__(self, combination: Combination, limits: Limits, without: str) -> None:
        self.without = without
        super().__init__(combination, limits)

    def _config(self, combination: Combination, limits: Limits) -> dict[str, Any]:
        config = super()._config(combination, limits)
        config["layers"] = [layer for layer in config["layers"] if layer != self.without]
        if self.without in ("landlock", "namespaces"):
            config["files"] = "read" if "namespaces" not in config["layers"] else "scratch"
        return config


class Harness:
    def __init__(self, combination: str, without: str) -> None:
        self.combination, self.without = named(combination), without
        self.limits = Limits(seconds=20, memory_mb=200)  # what is touched is slow to give
        self.slot = self._slot()
        self.lost: list[str] = []

    def _slot(self) -> Slot:
        if self.without:
            return Weakened(self.combination, self.limits, self.without)
        return Slot(self.combination, self.limits)

    def run(self, name: str, item: dict[str, Any]) -> list[Any]:
        attack = ATTACKS.get(name) or WITNESSES[name]
        try:
            self.slot.load(read_program(attack.source))
            seconds = IMPATIENT if attack.expect == "timeout" else SECONDS
            outcome = self.slot.run([({"output_text": "x"}, item)], seconds)[0]
        except JailLost as error:
            self.lost.append(name)
            self.slot.close()
            self.slot = self._slot()
            return [None, "lost", str(error)]
        if attack.expect not in ("blocked", "killed") or "/scratch" in attack.body:
            self._check_slot(name)
        return _words(outcome)

    def _check_slot(self, name: str) -> None:
        """The jail serves the next one as if nothing had been. (After the others the next attack shows it.)"""
        try:
            self.slot.load(BENIGN)
            if self.slot.run([({}, {})], SECONDS)[0].score == 0.25:
                return
        except JailLost:
            pass
        self.lost.append(name)
        self.slot.close()
        self.slot = self._slot()


def _words(outcome: Outcome) -> list[Any]:
    failure = outcome.failure
    return [outcome.score, failure.kind if failure else "", failure.message if failure else ""]


def main() -> None:
    combination, without, *names = [*sys.argv[1:], ""][: max(2, len(sys.argv) - 1)]
    world = World()
    harness = Harness(combination, without)
    found = {name: harness.run(name, world.item) for name in names or ATTACKS}
    harness.slot.close()
    result = {"attacks": found, "noticed": world.noticed(), "lost": harness.lost, "user": os.getuid()}
    print(json.dumps(result))
    world.remove()


if __name__ == "__main__":
    main()
