"""Tables of the track, by name."""

from focusbench.tracks.refocus.cost import cost
from focusbench.tracks.refocus.jpeg_table import jpeg
from focusbench.tracks.refocus.methods_table import methods
from focusbench.tracks.refocus.table1 import table1
from focusbench.tracks.refocus.table2 import table2
from focusbench.tracks.refocus.table3 import table3

__all__ = ["cost", "jpeg", "methods", "table1", "table2", "table3"]
