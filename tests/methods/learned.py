"""What the tests of the methods that learn a U-Net have in common."""

from functools import cache

import numpy as np
import torch

from focusbench import methods
from focusbench.data import microtubules
from focusbench.optics import psf
from focusbench.optics.convolution import Convolution
from focusbench.problem import Problem
from focusbench.training.volumes import PairedVolumes, UnpairedVolumes

IDS = (
    *("supervised_mse", "supervised_gan"),
    *("cyclegan", "cyclegan_blur_kernel", "cyclegan_blur_kernel_nonblind"),
)
SHAPE = (16, 24, 32)
VOXEL = (0.1, 0.1, 0.1)

TINY = {
    **{"steps": 3, "width": 4, "crop": 16, "tile": 16, "overlap": 8},
    **{"precision": "float32", "learning_rate": 1e-3},
}
TINY_JUDGE = {"discriminator_width": 4, "history": 2}


def build(method, **parameters):
    """A method by id, as small as can be."""
    judged = {} if method == "supervised_mse" else TINY_JUDGE
    kernel = {"kernel_size": 9} if method == "cyclegan_blur_kernel" else {}
    return methods.build(method, {**TINY, **judged, **kernel, **parameters})


@cache
def kernel():
    return psf.born_wolf((9, 9, 9), VOXEL, 0.5, 1.4, 1.5)


@cache
def truth(name):
    """Filaments (16, 24, 32) in [0, 1]."""
    settings = {"filaments": 4, "radius": 0.15, "persistence_length": 20.0, "planar_factor": 0.3}
    return microtubules.volume(name, {**settings, "shape": SHAPE, "voxel_size": VOXEL})


@cache
def observed(name):
    """They are blurred, with noise of 20 dB."""
    blurred = Convolution(kernel(), SHAPE).apply(torch.from_numpy(truth(name))).numpy()
    sigma = 0.1 * np.sqrt(np.square(blurred).mean())
    noise = np.random.default_rng(len(name)).normal(0, sigma, SHAPE)
    return np.maximum(blurred + noise, 0).astype(np.float32)


def training_set(method, names=("one", "three"), seed=0, **more):
    """What the method learns from: pairs, or volumes kept apart."""
    kinds = {"pairs": PairedVolumes, "unpaired": UnpairedVolumes}
    return kinds[methods.TABLE[method].trains_on](
        {name: observed(name) for name in names},
        {name: truth(name) for name in names},
        seed,
        kernel=kernel,
        **more,
    )


def problem(name="other"):
    return Problem("deconvolution", observed(name), "ZYX", VOXEL, None, None)
