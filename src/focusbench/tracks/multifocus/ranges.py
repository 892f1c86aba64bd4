"""Data ranges of PSNR in this track.

One transmittance is scored with two, as empty space is 1.0 and the densest voxel 0.7: the whole
scale, as the paper has it, and the span that the volumes really use.
"""

RANGE_WHOLE, RANGE_USED = 1.0, 0.3
