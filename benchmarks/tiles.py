"""How much is seen of the tiles in which a network restores a large volume.

    python benchmarks/tiles.py [--steps 300] [--width 8] [--side 64] [--size 112 208 208]
        [--volumes 3] [--upsampling nearest] [--device cpu] [--threads N] [--weights FILE]

Trains the 3-D U-Net on pairs of microtubules (Born-Wolf, 20 dB, Adam 1e-3, mean squared error,
crops of `--side`), then restores volumes that it did not see, untiled and in tiles. One line a
setting, the means over the volumes: PSNR against the truth, PSNR against the untiled result, and by
how much neighbouring voxels differ more across the borders of tiles than beside them, over the same
in the untiled result (`focusbench.training.tiles.border_excess`). The reference is tiles that meet
without a passage ("none"). `--weights` is read instead of training if it is there, else written.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from focusbench.data import microtubules
from focusbench.networks.unet_3d import Unet3d
from focusbench.optics import noise, psf
from focusbench.optics.convolution import Convolution
from focusbench.training import crops, seeds
from focusbench.training.tiles import border_excess, predict, tiles

SETTINGS = [  # overlap, margin, blend
    (16, 8, "none"),
    (16, 0, "linear"),
    (16, 4, "linear"),
    (16, 7, "linear"),
    (24, 4, "linear"),
    (32, 4, "linear"),
]


def pair(sample, shape):
    """Sharp and blurred volume, as densely filled as those of the paper preset."""
    settings = {
        "shape": list(shape),
        "voxel_size": [0.1] * 3,
        "filaments": max(1, round(60 * 1.4 * shape[1] * shape[2] / (256 * 512))),
        "radius": 0.15,
        "persistence_length": 20.0,
        "planar_factor": 0.3,
    }
    sharp = microtubules.volume(sample, settings)
    kernel = psf.born_wolf((31, 31, 31), (0.1,) * 3, 0.5, 1.4, 1.5)
    blurred = Convolution(kernel, shape).apply(torch.from_numpy(sharp)).clamp(min=0).numpy()
    noisy = noise.add(blurred, 20.0, 0.5, np.random.default_rng(len(sample)))
    return torch.from_numpy(sharp), torch.from_numpy(noisy.astype(np.float32))


def trained(options):
    """Train the network, or read its weights."""
    with seeds.seeded(0, "tiles"):
        network = Unet3d(options.width, upsampling=options.upsampling)
    if options.weights and options.weights.exists():
        network.load_state_dict(load_file(options.weights))
        return network.to(options.device)
    network.to(options.device)
    shape = (2 * options.side, 3 * options.side, 3 * options.side)
    pairs = [[v.to(options.device) for v in pair(f"train{i}", shape)] for i in range(4)]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses, begun = [], time.perf_counter()
    for step in range(options.steps):
        crop = crops.draw([shape] * len(pairs), (options.side,) * 3, 0, step)
        sharp, blurred = (crops.batch([both[i] for both in pairs], [crop]) for i in (0, 1))
        optimizer.zero_grad()
        loss = (network(blurred) - sharp).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        if (step + 1) % 50 == 0:
            level = decibel(torch.stack(losses[-50:]).mean())
            seconds = time.perf_counter() - begun
            print(f"step {step + 1}: {level:.2f} dB in training, {seconds:.0f} s", flush=True)
    if options.weights:
        save_file(network.state_dict(), options.weights)
    return network


def decibel(square):
    return -10 * float(square.log10())


def psnr(one, two):
    return decibel((one - two).square().mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--size", type=int, nargs=3, default=(112, 208, 208))
    parser.add_argument("--volumes", type=int, default=3)
    parser.add_argument("--upsampling", default="nearest")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    network = trained(options)
    rows = {}
    for i in range(options.volumes):
        sharp, noisy = pair(f"test{i}", tuple(options.size))
        with torch.no_grad():
            whole = network(noisy[None, None].to(options.device))[0, 0].cpu()
        print(f"volume {i}: {psnr(noisy, sharp):.2f} dB blurred, {psnr(whole, sharp):.2f} untiled")
        for overlap, margin, blend in SETTINGS:
            settings = {"overlap": overlap, "margin": margin, "blend": blend}
            tiled = predict(network, noisy, (options.side,) * 3, **settings, device=options.device)
            axes = [tiles(length, options.side, **settings) for length in options.size]
            excess = border_excess(tiled, whole, axes)
            row = (psnr(tiled, sharp), psnr(tiled, whole), 100 * excess.mean, 100 * excess.worst)
            rows.setdefault((overlap, margin, blend), []).append(row)
    print("overlap margin blend   PSNR   to untiled   excess   worst plane")
    for (overlap, margin, blend), values in rows.items():
        truth, untiled, mean, worst = np.mean(values, axis=0)
        print(
            f"{overlap:7} {margin:6} {blend:6} {truth:6.2f} {untiled:9.2f} dB "
            f"{mean:8.1f} % {worst:8.1f} %"
        )


if __name__ == "__main__":
    main()
