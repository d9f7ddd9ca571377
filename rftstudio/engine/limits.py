"""The settings that end a job before its time: hours, patience, a grave finding, what judges may cost. No torch."""

from rftstudio.engine.dial import Dial

LIMIT_DIALS: tuple[Dial, ...] = (
    Dial(
        "max_minutes",
        "Longest time",
        "When so many minutes of training are over, the model is evaluated once more and the training ends with its "
        "best checkpoint. Pauses and the time in line do not count. 0 sets no limit.",
        "float",
        0.0,
        0.0,
        100_000.0,
        unit="minutes",
        zero="none",
    ),
    Dial(
        "patience",
        "Stop without improvement",
        "The training ends with its best checkpoint after so many evaluations in a row without a new best validation "
        "reward (early stopping). 0 never does.",
        "int",
        0,
        0,
        1000,
        unit="evaluations",
        zero="none",
    ),
    Dial(
        "pause_on_finding",
        "Pause when something is plainly wrong",
        "A grave finding of the run doctor, such as rewards that are all zero, pauses the training until somebody has "
        "looked. Each kind does so once.",
        "bool",
        False,
    ),
)

JUDGE_DIALS: tuple[Dial, ...] = (
    Dial(
        "judge_tokens",
        "Judge budget in tokens",
        "What judges may read and write in all. Of a launch, it holds for training, baseline and the comparisons that "
        "follow, together; when it is used up, they end with what they have. 0 sets no limit.",
        "int",
        0,
        0,
        1_000_000_000_000,
        unit="tokens",
        zero="none",
        advanced=True,
    ),
    Dial(
        "judge_cost",
        "Judge budget in money",
        "The same in money, in the currency of the judges' prices. 0 sets no limit.",
        "float",
        0.0,
        0.0,
        1_000_000.0,
        zero="none",
        advanced=True,
    ),
)
