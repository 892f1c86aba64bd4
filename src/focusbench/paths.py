"""Where every file of a run lies, relative to the results folder's parent."""

import re
from pathlib import Path
from typing import NamedTuple

RESULTS = "results"
ENDINGS = (".ome.tif", ".trace.csv", ".json", ".csv", ".md", ".tex", ".pdf", ".png", ".journal")
SIZE = r"\.size([1-9][0-9]{0,3})"  # ends the id of a sample that is prepared to another size


class Restored(NamedTuple):
    """One restoration of a benchmark, by its ids."""

    sample: str
    degradation: str
    method: str
    seed: int

    @property
    def stem(self) -> str:
        """`{sample}/{degradation}/{method}-seed{seed}`."""
        return f"{self.sample}/{self.degradation}/{self.method}-seed{self.seed}"


def sized(sample: str, size: int) -> str:
    """Id of a sample that is prepared to a size of its own, not to the track's."""
    return f"{sample}.size{size}"


def split_size(sample: str) -> tuple[str, int | None]:
    """Split `{id}.size{N}` into id and N; None where the track's size holds."""
    match = re.fullmatch(f"(.+){SIZE}", sample)
    return (match[1], int(match[2])) if match else (sample, None)


def base_id(sample: str) -> str:
    """Id of a sample without a size."""
    return split_size(sample)[0]


def truth(track: str, sample: str) -> str:
    """Prepared ground truth."""
    return f"{RESULTS}/{track}/truth/{sample}.ome.tif"


def observed(track: str, sample: str, degradation: str) -> str:
    """What a method may see."""
    return f"{RESULTS}/{track}/observed/{sample}/{degradation}.ome.tif"


def observation_record(track: str, sample: str, degradation: str) -> str:
    """How an observation was made: its noise, and what a method may know of it."""
    return f"{RESULTS}/{track}/observed/{sample}/{degradation}.json"


def levels(track: str, sample: str, degradation: str, predictor: str, seed: int) -> str:
    """Defocus levels of an observation's patches, as a predictor tells them."""
    return f"{RESULTS}/{track}/levels/{sample}/{degradation}/{predictor}-seed{seed}.csv"


def accuracy(track: str, method: str, training: str) -> str:
    """Patches that a trained predictor was judged on: what is true of each, and what it told."""
    return f"{RESULTS}/{track}/accuracy/{method}/{training}.csv"


def predictor_timing(track: str, seed: int) -> str:
    """Patches a second of all predictors, measured with nothing else running."""
    return f"{RESULTS}/{track}/timing/predictors-seed{seed}.json"


def network_times(track: str) -> str:
    """Milliseconds of paper-size networks, measured with nothing else running."""
    return f"{RESULTS}/{track}/timing/networks.json"


def model(track: str, method: str, training: str) -> str:
    """Trained weights."""
    return f"{RESULTS}/{track}/models/{method}/{training}/model.safetensors"


def model_record(track: str, method: str, training: str) -> str:
    """Cost and provenance of a training."""
    return f"{RESULTS}/{track}/models/{method}/{training}/model.json"


def model_trace(track: str, method: str, training: str) -> str:
    """Loss against step of a training."""
    return f"{RESULTS}/{track}/models/{method}/{training}/trace.csv"


def restored(track: str, item: Restored) -> str:
    """A method's estimate."""
    return f"{RESULTS}/{track}/restored/{item.stem}.ome.tif"


def trace(track: str, item: Restored) -> str:
    """Step, loss and PSNR while it was restored."""
    return f"{RESULTS}/{track}/restored/{item.stem}.trace.csv"


def record(track: str, item: Restored) -> str:
    """Cost and provenance of a restoration."""
    return f"{RESULTS}/{track}/restored/{item.stem}.json"


def score(track: str, item: Restored) -> str:
    """Metrics of a restoration."""
    return f"{RESULTS}/{track}/scores/{item.stem}.json"


def batch(track: str, sample: str, degradation: str) -> str:
    """Which restorations and scores of an observation one job has made."""
    return f"{RESULTS}/{track}/batches/{sample}/{degradation}.json"


def journal(track: str, sample: str, degradation: str) -> str:
    """What the members of a batch were made from, and what they left."""
    return f"{RESULTS}/{track}/batches/{sample}/{degradation}.journal"


def outdated(track: str, sample: str, degradation: str) -> str:
    """Mark of a batch whose members jobs of their own have made since: it must look again."""
    return f"{RESULTS}/{track}/batches/{sample}/{degradation}.outdated"


def timing(track: str, item: Restored) -> str:
    """Seconds per step, measured with nothing else running."""
    return f"{RESULTS}/{track}/timing/{item.stem}.json"


def table(track: str, name: str, ending: str) -> str:
    """A table; `ending` is csv, md or tex."""
    return f"{RESULTS}/tables/{track}_{name}.{ending}"


def figure(track: str, name: str, ending: str) -> str:
    """A figure; `ending` is pdf or png."""
    return f"{RESULTS}/figures/{track}_{name}.{ending}"


def log(path: str | Path) -> str | None:
    """Log of the job that makes a file of a run; None for what no job makes."""
    path = Path(path)
    if path.parts[:1] != (RESULTS,) or len(path.parts) < 3:
        return None
    place = Path(*path.parts[1:])
    if place.parts[0] == "logs" or place.parts[0].startswith("."):
        return None
    if place.parts[1] == "models":  # weights, record and trace in a folder of their own
        return f"{RESULTS}/logs/{place.parent}.log"
    for ending in ENDINGS:
        if place.name.endswith(ending):
            return f"{RESULTS}/logs/{str(place)[: -len(ending)]}.log"
    return None


def manifest() -> str:
    """What made a run's files, and their checksums."""
    return f"{RESULTS}/manifest.json"
