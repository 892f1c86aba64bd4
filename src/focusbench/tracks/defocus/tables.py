"""Tables of the track, by name."""

from focusbench.tracks.defocus.cost import cost
from focusbench.tracks.defocus.recordings_table import recordings
from focusbench.tracks.defocus.restoration_table import restoration
from focusbench.tracks.defocus.table1 import table1
from focusbench.tracks.defocus.table2 import table2

__all__ = ["cost", "recordings", "restoration", "table1", "table2"]
