"""Tables of the track, by name."""

from focusbench.tracks.deconvolution.cost import cost
from focusbench.tracks.deconvolution.networks_table import networks
from focusbench.tracks.deconvolution.recordings_table import recordings
from focusbench.tracks.deconvolution.table1 import table1
from focusbench.tracks.deconvolution.table2 import table2
from focusbench.tracks.deconvolution.table3 import table3

__all__ = ["cost", "networks", "recordings", "table1", "table2", "table3"]
