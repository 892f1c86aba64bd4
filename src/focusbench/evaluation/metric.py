"""What is said of a metric wherever its values are shown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """What a reader of a table must know of a column."""

    label: str
    unit: str  # "" for a pure number
    settings: str
    higher_is_better: bool | None  # None: neither end of the scale is good
