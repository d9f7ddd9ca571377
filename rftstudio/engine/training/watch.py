"""The run doctor at work while a run trains: findings become events, the grave ones a pause where that is wished."""

from typing import Any

from rftstudio.engine.doctor import Finding, findings
from rftstudio.engine.events import Log, read
from rftstudio.engine.presets import TrainingSettings
from rftstudio.engine.training.journal import Progress

OFTEN = 500  # looks in the life of a run; each reads the whole record


class Watch:
    """Looks at the metrics of every step. Each finding is written down once, when it first appears."""

    def __init__(self, settings: TrainingSettings, events: Log) -> None:
        self.settings = settings
        self.events = events
        self.points: list[dict[str, Any]] = []

    def begin(self, step: int) -> None:
        """Take up what was reported until a step; of later ones, which are done again, nothing."""
        rows = (row["data"] for row in read(self.events.path) if row["type"] == "metrics")
        self.points = [data for data in rows if data["step"] <= step]

    def look(self, metrics: dict[str, Any], progress: Progress) -> Finding | None:
        """The grave finding to pause for, if the run is to pause and has not paused for it before."""
        self.points.append(metrics)
        steps = self.settings.steps
        if metrics["step"] % max(1, steps // OFTEN):
            return None
        found = findings(self.points, total_steps=steps)
        for finding in found:
            self._write(finding, metrics["step"])
        if not self.settings.pause_on_finding:
            return None
        for finding in found:
            if finding.may_pause and finding.name not in progress.paused_for:
                return finding
        return None

    def _write(self, finding: Finding, step: int) -> None:
        level = "info" if finding.level == "good" else "warn"
        data = {"step": step, "name": finding.name, "level": finding.level, "action": finding.action}
        message = " ".join(filter(None, (finding.sentence, finding.evidence)))
        row = {"type": "finding", "level": level, "message": message, "data": data}
        if self.events.append(row, key=f"finding:{finding.name}:{finding.level}"):
            print(message, flush=True)
