"""2-D fluorescence, out of focus from place to place: a blurred field -> a sharp one."""
