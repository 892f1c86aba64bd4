"""FocusBench: restoring wide-field microscopy images, compared on equal terms.

Four tracks (multifocus, deconvolution, defocus, refocus), each from raw data to tables and figures.
The package knows nothing of the workflow that drives it: import it from a notebook, or run
``python -m focusbench``. It imports none of its modules by itself.
"""

import os

# Jobs share a machine's cores: OpenMP threads that spin while they wait slow each other down ten
# times and more. Read when torch is loaded, so it is set here; the environment stands above it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
