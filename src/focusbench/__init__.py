"""FocusBench: restoring wide-field microscopy images, compared on equal terms.

Four tracks (multifocus, deconvolution, defocus, refocus), each from raw data to tables and figures.
The package knows nothing of the workflow that drives it: import it from a notebook, or run
``python -m focusbench``. It imports none of its modules by itself.
"""

__version__ = "0.1.0"
