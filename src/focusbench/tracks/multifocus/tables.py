"""Tables of the track, by name."""

from focusbench.tracks.multifocus.cost import cost
from focusbench.tracks.multifocus.table1 import table1

__all__ = ["cost", "table1"]
