"""Seconds of the rays, against plain torch, and for several ways to cut up the work."""

import clock
import torch

from focusbench.optics import ray_gather, rays
from gpu.random_volume import random_volume


def forward_backward(form, volume, upstream, geometry, device, repeats, **more):
    """Median seconds of image and gradient."""
    return {
        "forward": clock.seconds(lambda: form.image(volume, geometry, **more), device, repeats),
        "backward": clock.seconds(
            lambda: form.gradient(volume, upstream, geometry, **more), device, repeats
        ),
    }


def replayed(work, repeats):
    """Median seconds on the device of work recorded as a CUDA graph."""
    work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return clock.seconds(graph.replay, "cuda", repeats)


def measure(session):
    """Median seconds forward and backward, form by form."""
    shape = (session.geometry.n_slices, session.settings.size, session.settings.size)
    volume, upstream = random_volume(session, shape)
    repeats = session.arguments.repeats
    given = (volume, upstream, session.geometry, session.device)
    result = {"plain torch": forward_backward(ray_gather, *given, max(1, repeats // 10))}
    if session.device != "cuda":
        model = rays.RayTransmission(session.geometry)
        leaf = volume.clone().requires_grad_()
        image = model(leaf)
        result["in use"] = {
            "forward": clock.seconds(lambda: model(volume), session.device, repeats),
            "backward": clock.seconds(
                lambda: torch.autograd.grad(image, leaf, upstream, retain_graph=True),
                session.device,
                repeats,
            ),
        }
        return result
    from focusbench.optics import ray_triton  # triton is not everywhere

    result["in use"] = forward_backward(ray_triton, *given, repeats)
    result["in use, replayed"] = {
        "forward": replayed(lambda: ray_triton.image(volume, session.geometry), repeats),
        "backward": replayed(
            lambda: ray_triton.gradient(volume, upstream, session.geometry), repeats
        ),
    }
    usual = ray_triton.Launch()
    warps = ("image_warps", "light_warps", "gather_warps")
    launches = [
        usual._replace(block=block, **dict.fromkeys(warps, count), programs=programs)
        for block, count in ((256, 1), (512, 2), (512, 4), (1024, 2), (1024, 4), (2048, 4))
        for programs in (1024, 2048, 4096)
    ] + [usual._replace(scratch=2**power) for power in (22, 23, 25, 27)]
    result["launches"] = []
    for launch in launches:
        if session.left < 4 * session.margin:
            break
        row = {"launch": launch._asdict()}
        try:
            row["forward"] = replayed(
                lambda launch=launch: ray_triton.image(volume, session.geometry, launch), repeats
            )
            row["backward"] = replayed(
                lambda launch=launch: ray_triton.gradient(
                    volume, upstream, session.geometry, launch
                ),
                repeats,
            )
        except Exception as error:  # too many registers, say
            row["error"] = f"{type(error).__name__}: {str(error).split(chr(10))[0]}"
        result["launches"].append(row)
    return result
