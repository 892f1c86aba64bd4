"""Bright field, stained cells: one image of low resolution -> a focal stack of high resolution."""
