"""Where the time of a step of the deep image prior goes.

    python benchmarks/dip.py [--device auto] [--size 128] [--width 128] [--precision tf32] [--graph]

A step is split into the network forward, the rays forward (with the loss), the rays backward, the
network backward and Adam; `rest` is what a whole step takes beyond these: the loss is brought to
the host, and on CUDA work is launched. Parts and whole are medians, taken in turn; on CUDA parts
are timed by events on the device, the whole by the clock on the wall. With `--graph` the whole is
recorded and replayed, the parts are not: `rest` may then be negative.

Reference, in the same run: the rays in plain torch (`optics/ray_gather.py`), alone and as part of
a whole step, with the same network, arithmetic and threads. A ratio above 1 says how many times
longer the reference takes.
"""

import argparse
import contextlib
import statistics
import time
from dataclasses import dataclass

import clock
import torch
from torch.nn import functional

from focusbench.networks.skip_3d import Skip3d
from focusbench.optics import ray_gather, rays
from focusbench.training import device as devices
from focusbench.training import precision
from focusbench.training.cuda_graph import WARM_UP
from focusbench.training.deep_prior import Reconstruction


@dataclass(frozen=True)
class Settings:
    """What is measured; the defaults are the paper's."""

    device: str = "cpu"
    size: int = 128
    slices: int = 11
    aperture_grid: int = 25
    width: int = 128
    scales: int = 3
    precision: str = "float32"
    graph: bool = False
    channels_last: bool = False
    choose_kernels: bool = False  # cuDNN tries its kernels and keeps the fastest
    fuse: bool = False  # torch.compile of the network


def stepper(settings):
    """Reconstruction of a random volume."""
    torch.manual_seed(0)
    geometry = rays.Geometry(n_slices=settings.slices, aperture_grid=settings.aperture_grid)
    network = Skip3d(settings.width, settings.scales).to(settings.device)
    shape = (settings.slices, settings.size, settings.size)
    noise = torch.rand(1, 1, *shape).to(settings.device) / 10
    if settings.channels_last:
        network.to(memory_format=torch.channels_last_3d)
    if settings.fuse:
        network = torch.compile(network)
    return Reconstruction(
        network,
        noise,
        rays.RayForward(geometry),
        torch.rand(shape).to(settings.device),
        1e-3,
        settings.device,
        settings.precision,
        settings.graph,
    )


def split_step(run, settings):
    """Do a step and return the seconds of each part."""
    run.optimizer.zero_grad()
    with precision.arithmetic(settings.precision):
        laps = clock.Laps(settings.device)
        volume = run.predict(run.noise)[0, 0]
        laps.mark("network forward")
        leaf = volume.detach().requires_grad_()
        loss = functional.l1_loss(run.forward.apply(leaf), run.observed)
        laps.mark("rays forward")
        loss.backward()
        laps.mark("rays backward")
        volume.backward(leaf.grad)
        laps.mark("network backward")
        run.optimizer.step()
        laps.mark("optimiser")
    return laps.seconds()


def split_and_whole(settings, repeats):
    """Median seconds of the parts and of a whole step, in turn; was the latter replayed?"""
    run, other = stepper(settings), stepper(settings)
    for _ in range(WARM_UP + 1 if other.graph else 1):
        other.step()
    split_step(run, settings)
    rows = []
    for _ in range(repeats):
        row = split_step(run, settings)
        begin = time.perf_counter()
        other.step()  # ends with the loss on the host: the device is done
        rows.append(row | {"step": time.perf_counter() - begin})
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return medians, bool(other.graph and other.graph.recorded)


@contextlib.contextmanager
def plain_rays():
    """Let the ray model compute in plain torch, whatever the device."""
    before = rays._image, rays._gradient
    rays._image, rays._gradient = ray_gather.image, ray_gather.gradient
    try:
        yield
    finally:
        rays._image, rays._gradient = before


def measure(settings, repeats, reference_repeats=1):
    """Seconds of the parts, of the whole and of the reference (0 repeats: without), as JSON."""
    with torch.backends.cudnn.flags(
        enabled=True,
        benchmark=settings.choose_kernels,
        allow_tf32=torch.backends.cudnn.allow_tf32,
    ):
        parts, replayed = split_and_whole(settings, repeats)
        step = parts.pop("step")
        result = {
            "parts": parts,
            "rest": step - sum(parts.values()),
            "step": step,
            "replayed": replayed,
        }
        if reference_repeats:
            with plain_rays():
                plain, _ = split_and_whole(settings, reference_repeats)
            both = ("rays forward", "rays backward")
            result["reference"] = {part: plain[part] for part in (*both, "step")}
            result["ratio of the rays"] = sum(plain[p] for p in both) / sum(parts[p] for p in both)
            result["ratio of a step"] = plain["step"] / step
    return result


def table(result):
    """Lines of a Markdown table."""
    lines = ["| part | ms | share |", "|---|---|---|"]
    for name, value in (result["parts"] | {"rest": result["rest"]}).items():
        lines.append(f"| {name} | {1e3 * value:.3f} | {value / result['step']:.0%} |")
    lines.append(f"| step{' (replayed)' * result['replayed']} | {1e3 * result['step']:.3f} | |")
    if "reference" in result:
        plain = result["reference"]
        lines += [
            f"| reference: rays in plain torch, forward | {1e3 * plain['rays forward']:.3f} | |",
            f"| reference: rays in plain torch, backward | {1e3 * plain['rays backward']:.3f} | |",
            f"| reference: step with them | {1e3 * plain['step']:.3f} | |",
            f"| ratio of the rays, forward and backward | {result['ratio of the rays']:.1f} | |",
            f"| ratio of a step | {result['ratio of a step']:.2f} | |",
        ]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--slices", type=int, default=11)
    parser.add_argument("--aperture-grid", type=int, default=25)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--scales", type=int, default=3)
    parser.add_argument("--precision", choices=precision.PRECISIONS, default="float32")
    parser.add_argument("--graph", action="store_true", help="record steps and replay them (CUDA)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--reference-repeats", type=int, default=1)
    arguments = vars(parser.parse_args())
    torch.set_num_threads(arguments.pop("threads"))
    repeats, reference = arguments.pop("repeats"), arguments.pop("reference_repeats")
    settings = Settings(**arguments | {"device": devices.resolve(arguments["device"])})
    print(f"{clock.device_name(settings.device)}, torch {torch.__version__}, {settings}\n")
    print("\n".join(table(measure(settings, repeats, reference))))


if __name__ == "__main__":
    main()
