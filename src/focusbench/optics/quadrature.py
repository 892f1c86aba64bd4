"""Gauss-Legendre quadrature on [0, 1], with as many nodes as an oscillation needs."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from focusbench.errors import InputError

MOST_NODES = 3000  # found in 0.2 s; 31^3 voxels of 100 nm need about 40
PROBE = np.linspace(0.0, np.pi / 2, 257)


@lru_cache(maxsize=32)
def gauss_legendre(n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights, float64 (n_nodes,), rising, of the interval [0, 1]; not to be changed."""
    from scipy.special import roots_legendre

    node, weight = roots_legendre(n_nodes)
    node, weight = (node + 1) / 2, weight / 2
    node.flags.writeable = weight.flags.writeable = False
    return node, weight


def probe() -> np.ndarray:
    """Places (257,) in [0, 1] where the nodes of any number lie equally dense between them."""
    return np.sin(PROBE) ** 2


def nodes_for(swing: np.ndarray, factor: int = 1) -> int:
    """How many nodes integrate exp(i phase) to about 1e-13.

    Nodes of Gauss and Legendre lie equally spaced in p, where x = sin(p)^2, so the fastest change
    of the phase along p counts: a phase w x swings by w at most, and n nodes then leave an error
    like J_2n(w / 2), which vanishes fast once 2 n exceeds w / 2 by a few times its cube root.

    Parameters
    ----------
    swing
        Rate of change of the phase along p at the places of `probe()`, rad.
    factor
        Take so many times as many.

    Returns
    -------
    int
        Number of nodes.

    Raises
    ------
    InputError
        More than 3000 would be needed.
    """
    order = float(np.abs(swing).max()) / 2
    n_nodes = factor * np.ceil(order / 2 + 5 * np.cbrt(order) + 14)
    if not n_nodes <= MOST_NODES:
        raise InputError(
            f"PSF: the radii, defocus or layers need {n_nodes:.0f} quadrature nodes; at most "
            f"{MOST_NODES} are accepted, so take a smaller shape, voxel size, defocus or depth"
        )
    return int(n_nodes)


def rate(phase: np.ndarray) -> np.ndarray:
    """Rate of change along p of a phase given at the places of `probe()`."""
    return np.gradient(phase, PROBE, axis=-1, edge_order=2)
