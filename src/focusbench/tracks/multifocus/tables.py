"""Tables of the track, by name."""

from focusbench.tracks.multifocus.cost import cost
from focusbench.tracks.multifocus.recordings import recordings
from focusbench.tracks.multifocus.table1 import table1
from focusbench.tracks.multifocus.table2 import table2
from focusbench.tracks.multifocus.table3 import table3
from focusbench.tracks.multifocus.table_s1 import table_s1 as tableS1

__all__ = ["cost", "recordings", "table1", "table2", "table3", "tableS1"]
