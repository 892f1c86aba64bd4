"""Tables of the track, by name."""

from focusbench.tracks.deconvolution.cost import cost
from focusbench.tracks.deconvolution.table1 import table1
from focusbench.tracks.deconvolution.table2 import table2

__all__ = ["cost", "table1", "table2"]
