"""The record of a session: what it was asked, what it found, and how much time is left."""

import json
import shutil
import time
from pathlib import Path

import dip

from focusbench.images import read_volume
from focusbench.optics import rays
from focusbench.tracks.multifocus.problem import problem
from focusbench.training import device as devices
from gpu import summary

RECORD, ESTIMATES, SUMMARY = "record.json", "estimates.safetensors", "record.md"


class TimeUp(Exception):
    """The minutes are over."""


def plain(values):
    """What JSON can hold."""
    return {name: str(v) if isinstance(v, Path) else v for name, v in values.items()}


class Session:
    """The record, and what the stages need."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.work, self.output = Path(arguments.work), Path(arguments.output)
        self.end = time.monotonic() + 60 * arguments.minutes
        self.margin = arguments.margin
        self.device = devices.resolve(arguments.device)
        self.settings = dip.Settings(
            device=self.device,
            size=arguments.size,
            slices=arguments.slices,
            aperture_grid=arguments.aperture_grid,
            width=arguments.width,
            scales=arguments.scales,
        )
        self.geometry = rays.Geometry(
            n_slices=arguments.slices, aperture_grid=arguments.aperture_grid
        )
        self.work.mkdir(parents=True, exist_ok=True)
        self.output.mkdir(parents=True, exist_ok=True)
        for name in (RECORD, ESTIMATES):
            if arguments.earlier and not (self.work / name).exists():
                source = Path(arguments.earlier) / name
                if source.exists():
                    shutil.copy(source, self.work / name)
        path = self.work / RECORD
        self.record = json.loads(path.read_text()) if path.exists() else {}
        self.record.setdefault("settings", plain(vars(arguments)))
        self.estimates = {}
        if (self.work / ESTIMATES).exists():
            from safetensors.numpy import load_file

            self.estimates = load_file(self.work / ESTIMATES)

    @property
    def left(self):
        """Seconds."""
        return self.end - time.monotonic()

    def note(self, stage, result):
        """Keep what a stage found."""
        self.record[stage] = result
        self.save()

    def save(self):
        """Write the record, the summary and the estimates, whole or not at all."""
        from safetensors.numpy import save

        written = {
            RECORD: (json.dumps(self.record, indent=1) + "\n").encode(),
            SUMMARY: ("\n".join(summary.page(self.record)) + "\n").encode(),
        }
        if self.estimates:
            written[ESTIMATES] = save(self.estimates)
        for folder in (self.work, self.output):
            for name, content in written.items():
                part = folder / f".part-{name}"
                part.write_bytes(content)
                part.replace(folder / name)

    def samples(self):
        """Ids of the samples, in order."""
        names = f"*/{self.arguments.degradation}.ome.tif"
        found = sorted(
            p.parent.name for p in (Path(self.arguments.inputs) / "observed").glob(names)
        )
        return [s for s in self.arguments.samples or found if s in found]

    def problem(self, sample):
        """What is asked for a sample, and its truth or None."""
        inputs, degradation = Path(self.arguments.inputs), self.arguments.degradation
        observed = read_volume(inputs / "observed" / sample / f"{degradation}.ome.tif")
        settings = {
            "numerical_aperture": self.arguments.numerical_aperture,
            "aperture_grid": self.arguments.aperture_grid,
        }
        path = inputs / "truth" / f"{sample}.ome.tif"
        truth = read_volume(path).array if path.exists() else None
        return problem(observed, degradation, settings), truth
