"""Rays against another form in float64, and their bytes in several runs."""

import numpy as np

from focusbench.optics import ray_gather, ray_loops, rays
from gpu.random_volume import random_volume


def check(session):
    """Rays in use here against another form in float64 on the CPU."""
    reference = ray_loops if session.device == "cuda" else None
    size, rows = session.settings.size, []
    model = rays.RayTransmission(session.geometry)
    for shape in ((size, size), (size // 2 + 1, size // 3 + 2), (1, size)):
        volume, upstream = random_volume(session, (session.geometry.n_slices, *shape))
        runs = []
        for _ in range(3):
            leaf = volume.clone().requires_grad_()
            image = model(leaf)
            (image * upstream).sum().backward()
            runs.append((image.detach().cpu().numpy(), leaf.grad.cpu().numpy()))
        exact, factor = volume.cpu().double(), upstream.cpu().double()
        if reference:
            image = reference.image(exact.numpy(), session.geometry)
            gradient = reference.gradient(exact.numpy(), factor.numpy(), session.geometry)
        else:
            image = ray_gather.image(exact, session.geometry).numpy()
            gradient = ray_gather.gradient(exact, factor, session.geometry).numpy()
        errors = (
            float(np.abs(runs[0][0] - image).max()),
            float(np.abs(runs[0][1] - gradient).max() / np.abs(gradient).max()),
        )
        same = all(
            a.tobytes() == b.tobytes()
            for other in runs[1:]
            for a, b in zip(runs[0], other, strict=True)
        )
        rows.append(
            {
                "shape": list(volume.shape),
                "form": rays._form(volume).__name__ if session.device == "cuda" else "ray_loops",
                "image, largest error": errors[0],
                "gradient, largest error over largest value": errors[1],
                "same bytes in three runs": same,
                "passed": errors[0] < 2e-6 and errors[1] < 1e-5 and same,
            }
        )
    return rows
