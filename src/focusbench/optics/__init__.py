"""Physics: how light makes an image of an object."""
