"""Focal planes of a large image: memory, seconds, and how much is seen of the blocks.

    python benchmarks/slide.py memory [--sizes 2000x1000 8000x1000] [--network repeat | mfpinet]
        [--width 64] [--block 768] [--compression deflate] [--device cpu] [--threads 1]
        [--folder DIR]
    python benchmarks/slide.py seams [--width 8] [--steps 300] [--size 900] [--device cpu]
        [--threads 1] [--weights FILE]

`memory` writes a made image (height x width, tiled and compressed) of each size, refocuses it (11
planes, twice its size) in a process of its own, and prints the most memory that this process held,
its seconds, and the file's bytes against those of the pixels. The reference is the first size.
`repeat` repeats pixels in place of a network, and so shows reading and writing alone.

`seams` trains MFPINet to refocus made images (planes blurred by Gaussians), then applies it to one
that it did not see, whole and in blocks. One line a setting: by how much neighbouring pixels differ
more across the passages than beside them, over the same in the untiled result
(`training.tiles.border_excess`), and the PSNR between the two. The reference is blocks that meet
without halo and passage.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import torch
from safetensors.torch import load_file, save_file
from scipy.ndimage import gaussian_filter
from torch.nn import functional

from focusbench.networks.mfpinet import Mfpinet
from focusbench.refocusing import refocus
from focusbench.training import seeds
from focusbench.training.slide_tiles import blocks, pieces, shares
from focusbench.training.tiles import border_excess

PLANES, SCALE = 11, 2
TILE = 512
SETTINGS = [(0, 0), (0, 32), (16, 32), (32, 0), (32, 16), (32, 32), (64, 32)]  # halo, passage


def cells(side, seed):
    """A made RGB image: stained discs with dark cores on a bright ground; (side, side, 3) uint8."""
    random = np.random.default_rng(seed)
    depth = np.zeros((side, side, 3))
    y, x = np.mgrid[:side, :side]
    for _ in range(side * side // 4000):
        cy, cx, radius = *random.uniform(0, side, 2), random.uniform(10, 40)
        window = tuple(slice(max(0, int(c - radius)), int(c + radius) + 1) for c in (cy, cx))
        distance = np.hypot(y[window] - cy, x[window] - cx)[..., None] / radius
        depth[window] += (distance < 1) * random.uniform(0.1, 0.6, 3)
        depth[window] += (distance < 0.35) * random.uniform(0.5, 1.5)
    fine = gaussian_filter(random.standard_normal(depth.shape), (1, 1, 0))
    depth = gaussian_filter(depth, (0.7, 0.7, 0)) * (1 + fine)
    return np.round(245 * np.exp(-depth.clip(min=0))).astype(np.uint8)


def stack(side, seed):
    """Pair of the network: image (3, side/2, side/2), planes (33, side, side), in [-1, 1]."""
    sharp = cells(side, seed).astype(np.float32)
    sigmas = [0.8 * abs(plane - PLANES // 2) for plane in range(PLANES)]
    planes = np.concatenate([gaussian_filter(sharp, (s, s, 0)).transpose(2, 0, 1) for s in sigmas])
    planes = torch.from_numpy(planes) / 127.5 - 1
    middle = planes[None, 3 * (PLANES // 2) :][:, :3]
    return functional.avg_pool2d(middle, 2)[0], planes


def trained(options):
    with seeds.seeded(0, "slide"):
        network = Mfpinet(options.width)
    if options.weights and options.weights.exists():
        network.load_state_dict(load_file(options.weights))
        return network.to(options.device)
    network.to(options.device)
    pairs = [stack(768, seed) for seed in range(4)]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    random, side = np.random.default_rng(0), 96
    begun, losses = time.perf_counter(), []
    for step in range(options.steps):
        image, planes = pairs[step % len(pairs)]
        y, x = (int(v) for v in random.integers(0, image.shape[1] - side, 2))
        given = image[None, :, y : y + side, x : x + side].to(options.device)
        y, x, wide = SCALE * y, SCALE * x, SCALE * side
        target = planes[None, :, y : y + wide, x : x + wide].to(options.device)
        optimizer.zero_grad()
        loss = (network(given) - target).abs().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % 100 == 0:
            mean, seconds = np.mean(losses[-100:]), time.perf_counter() - begun
            print(f"step {step + 1}: mean error {mean:.4f}, {seconds:.0f} s", flush=True)
    if options.weights:
        save_file(network.state_dict(), options.weights)
    return network


def seams(options):
    torch.set_num_threads(options.threads)
    network = trained(options)
    image, planes = stack(SCALE * options.size, 99)
    pixels = ((image + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    with torch.no_grad():
        given = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
        whole = network(given.to(options.device))[0].cpu()
    print(
        f"untiled: {psnr(whole, planes):.2f} dB against the truth, {given.shape[2]} pixels a side"
    )
    print("halo passage   excess   worst   to untiled")
    shape, step = pixels.shape[:2], options.block // SCALE
    for halo, passage in SETTINGS:
        settings = {"step": step, "passage": passage, "halo": halo}
        tiled = torch.empty_like(whole)
        for block in blocks(
            network,
            lambda start, stop: pixels[start:stop],
            shape,
            channels=3 * PLANES,
            scale=SCALE,
            device=options.device,
            **settings,
        ):
            high, wide = block.values.shape[1:]
            tiled[:, block.y : block.y + high, block.x : block.x + wide] = block.values
        # where nothing passes, the cut itself is what is looked at
        cut = [pieces(length, step, max(passage, 1), halo) for length in shape]
        axes = [
            shares(pieces(3 * PLANES, 64), 32, 1),
            *(shares(each, max(passage, 1), SCALE) for each in cut),
        ]
        excess = border_excess(tiled, whole, axes)
        print(
            f"{halo:4} {passage:7} {100 * excess.mean:7.2f} % {100 * excess.worst:6.2f} % "
            f"{psnr(tiled, whole):9.1f} dB"
        )


def psnr(one, two):
    return 10 * math.log10(4 / float((one - two).square().mean()))


def made_slide(path, shape):
    """An image of any size: one made tile, turned and mirrored, again and again."""
    tile = cells(TILE, 0)
    turned = [np.rot90(each, k).copy() for each in (tile, tile[::-1]) for k in range(4)]
    count = math.prod(-(-side // TILE) for side in shape)
    order = np.random.default_rng(0).integers(8, size=count)
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(
            (turned[i] for i in order),
            shape=(*shape, 3),
            dtype=np.uint8,
            photometric="rgb",
            tile=(TILE, TILE),
            compression="zlib",
        )


def repeat(images):
    """In place of a network: every pixel four times, in all planes."""
    large = functional.interpolate(images, scale_factor=SCALE, mode="nearest")
    return large.repeat(1, PLANES, 1, 1)


def one(options):
    """One size, in this process."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    network = repeat if options.network == "repeat" else Mfpinet(options.width)
    begun, cpu = time.perf_counter(), time.process_time()
    written = refocus(
        network,
        options.image,
        options.output,
        fingerprint="benchmark",
        planes=PLANES,
        scale=SCALE,
        compression=options.compression,
        block=options.block,
        device=options.device,
        threads=options.threads,
    )
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "bytes": written.bytes, "peak": peak()}))


def peak():
    """Most bytes that this process held; `getrusage` may tell those of the process before it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def memory(options):
    reference = None
    for size in options.sizes:
        shape = tuple(int(side) for side in size.split("x"))
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            image, output = Path(folder, "image.tif"), Path(folder, "planes.ome.tif")
            made_slide(image, shape)
            command = [sys.executable, __file__, "one", "--image", image, "--output", output]
            for name in ("network", "width", "block", "compression", "device", "threads"):
                command += [f"--{name}", str(getattr(options, name))]
            threads = {"OMP_NUM_THREADS": str(options.threads)}
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, env=os.environ | threads
            )
        told = json.loads(done.stdout.splitlines()[-1])
        pixels = 3 * PLANES * SCALE**2 * math.prod(shape)
        reference = reference or told["peak"]
        print(
            f"{size}: {told['peak'] / 2**20:.0f} MiB at most ({told['peak'] / reference:.2f} of "
            f"the first), {told['seconds']:.0f} s, {told['cpu']:.0f} s of CPU; "
            f"{told['bytes'] / 1e9:.2f} GB for {pixels / 1e9:.2f} GB of pixels",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["memory", "seams", "one"])
    parser.add_argument("--sizes", nargs="+", default=["2000x1000", "8000x1000"])
    parser.add_argument("--network", default="repeat", choices=["repeat", "mfpinet"])
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--block", type=int, default=768)
    parser.add_argument("--compression", default="deflate")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where images are written and deleted")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--size", type=int, default=900)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--image", help=argparse.SUPPRESS)
    parser.add_argument("--output", help=argparse.SUPPRESS)
    options = parser.parse_args()
    {"memory": memory, "seams": seams, "one": one}[options.what](options)


if __name__ == "__main__":
    main()
