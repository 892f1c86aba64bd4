"""Which timing runs hold for a restoration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from focusbench.paths import Restored, split_size

if TYPE_CHECKING:
    from pandas import DataFrame

# what a table or figure says where a time is missing
WHY_NOT_TIMED = (
    "a method is timed once, on the first sample that it meets, and its times hold for prepared "
    "volumes of that size, or for that recording alone"
)


def holding(timings: DataFrame, item: Restored, sources: Mapping[str, str]) -> DataFrame:
    """Return the rows of `Results.timings` that hold for a restoration; none: it was not timed.

    Those of the same method and observation; without any, those on other volumes as large: a step
    costs the same on all prepared volumes of one size. A recording of one's own has a size of its
    own, which its id does not tell, so that its timing holds for that sample alone.

    Parameters
    ----------
    sources
        Sample -> id of its data source; `stack` are recordings of one's own.
    """
    if timings.empty:
        return timings

    def as_large(sample: str) -> bool:
        if "stack" in (sources.get(sample), sources.get(item.sample)):
            return sample == item.sample
        return split_size(sample)[1] == split_size(item.sample)[1]

    own = timings[(timings["method"] == item.method) & timings["sample"].map(as_large)]
    same = own[(own["sample"] == item.sample) & (own["degradation"] == item.degradation)]
    return same if len(same) else own
