"""3-D fluorescence: a blurred volume -> a sharp one, the PSF known or not."""
