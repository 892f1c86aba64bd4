"""The refocus track: what a pass takes (Table III), and a training at the paper's full width.

The training is `mfpinet` as published but for its length and its digits: the seconds that are given
decide how many steps there are, and the rate is halved after every tenth of them, as in the paper's
20 epochs. It is judged on slides that it did not see, beside bicubic and linear_per_plane.
"""

import json
import statistics
import time
from dataclasses import asdict

import numpy as np
import torch

from focusbench import methods
from focusbench.evaluation.psnr import psnr
from focusbench.images import Volume
from focusbench.optics.refocus_degradation import degrade, middle
from focusbench.tracks.refocus import network_times
from focusbench.tracks.refocus.problem import problem
from focusbench.training import device as devices
from focusbench.training import precision
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run
from focusbench.training.state import FileState
from focusbench.training.weights import load_weights, save_weights
from gpu import refocus_fields
from gpu.restorations import Alarm
from gpu.session import TimeUp

EPOCHS = 20  # of the paper: a tenth of the steps is two of them
WEIGHTS = "mfpinet.safetensors"
FILTERED = 768  # px, along a field's part that linear_per_plane is fitted to
WARM_UP = 3  # steps that are not counted
ROWS = 30  # of the training's trace


def add_arguments(parser):
    """Sizes; the defaults are the paper's, where it has them."""
    parser.add_argument("--side", type=int, default=384, help="px, of Table III's image")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=300.0, help="of the training")
    parser.add_argument("--patch", type=int, default=768)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--network-width", type=int, default=64)
    parser.add_argument("--field", type=int, default=1024, help="px, of the fields drawn here")
    parser.add_argument("--train-fields", type=int, default=4, help="of each of three slides")
    parser.add_argument("--test-fields", type=int, default=2, help="of each of two slides")
    parser.add_argument("--processes", type=int, help="that draw at once; default: all processors")


def check_arguments(parser, arguments):
    """End with one line where a size cannot be used."""
    named = ("runs", "seconds", "batch", "network_width", "train_fields", "test_fields")
    for name in named:
        if not getattr(arguments, name) > 0:
            told = getattr(arguments, name)
            parser.error(f"--{name.replace('_', '-')} is {told}; above 0 is accepted")
    if arguments.patch % 2 or not 8 <= arguments.patch <= arguments.field:
        parser.error(
            f"--patch is {arguments.patch}; an even number from 8 to --field, "
            f"{arguments.field}, is accepted"
        )


def networks(session):
    """Table III: milliseconds of every network and precision; see `network_times.measure`."""
    settings = {
        "side": session.arguments.side,
        "runs": session.arguments.runs,
        "warm_up": session.arguments.warm_up,
    }
    how = {
        "device": session.device,
        "threads": torch.get_num_threads(),
        "budget_seconds": max(1.0, session.left - 2 * session.margin),
    }
    return network_times.measure(settings, how)


def steps(session):
    """Median seconds of a training's step at each precision, after `WARM_UP` more."""
    refocus_fields.draw(session)
    data = refocus_fields.training_set(session)
    result = {}
    for digits in precision.PRECISIONS:
        if session.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        method = _method(session, digits, 1)
        learner = method.learner(data, quick_run(0, session.device, torch.get_num_threads()))
        spent = []
        for number in range(-WARM_UP, session.arguments.repeats):
            devices.synchronize(session.device)
            begin = time.perf_counter()
            learner.step()
            devices.synchronize(session.device)
            if number >= 0:
                spent.append(time.perf_counter() - begin)
        seconds = learner.seconds
        result[digits] = {
            "seconds a step": statistics.median(spent),
            "loading share": seconds["loading"] / seconds["steps"],
            "peak memory, GiB": devices.peak_memory(session.device) / 2**30,
        }
        del learner
    return result


def training(session):
    """Train for the seconds that are given, in parts if need be; judge on slides not seen."""
    refocus_fields.draw(session)
    data = refocus_fields.training_set(session)
    digits = session.arguments.precision
    if digits == "auto":
        digits = "bfloat16" if session.device == "cuda" else "float32"
    plan = session.record.get("training, planned") or _planned(session, data, digits)
    session.note("training, planned", plan)
    method = _method(session, digits, plan["patches"])
    path = session.output / WEIGHTS
    state = FileState(session.work / "state" / "refocus", json.dumps(asdict(method)))
    if "training, learned" not in session.record or not path.exists():
        trace = Trace(method.steps, data.score, max(1, method.steps // ROWS), "mfpinet")
        run = quick_run(0, session.device, torch.get_num_threads(), state=state, monitor=trace)
        with Alarm(session.left - 2 * session.margin):
            weights = method.fit(data, run)
        save_weights(path, weights)
        wall, _ = trace.used
        learned = {
            "precision": digits,
            "width": method.width,
            "patch": method.patch,
            "batch": method.batch_size,
            "fields": len(data.names),
            "steps": method.steps,
            "seconds": wall,
            "seconds a step": wall / method.steps,
            "crops a second": method.steps * method.batch_size / wall,
            "loading share": weights.details["loading_share"],
            "parameters": weights.description["parameters"],
            "trace": [[*row, *spent] for row, spent in zip(trace.rows, trace.seconds, strict=True)],
        }
        session.note("training, learned", learned)
    learned = session.record["training, learned"]
    found = _judged(session, method, load_weights(path))
    for name in ("training, planned", "training, learned"):
        session.record.pop(name)
    state.remove()
    return {**learned, "PSNR": found}


def _method(session, digits, patches):
    """`mfpinet` as published, but for what the arguments say."""
    parameters = {
        "patch": session.arguments.patch,
        "batch_size": session.arguments.batch,
        "width": session.arguments.network_width,
        "discriminator_width": session.arguments.network_width,
        "precision": digits,
        "epochs": EPOCHS,
        "patches": patches,
    }
    return methods.build("mfpinet", parameters)


def _planned(session, data, digits):
    """How many patches an epoch has, so that all take the seconds that are given."""
    learner = _method(session, digits, 1).learner(
        data, quick_run(0, session.device, torch.get_num_threads())
    )
    spent = []
    for _ in range(WARM_UP + session.arguments.repeats):
        begin = time.perf_counter()
        learner.step()  # its losses are read: the device is waited for
        spent.append(time.perf_counter() - begin)
    took = statistics.median(spent[WARM_UP:])
    batch = session.arguments.batch
    of_epoch = max(1, round(session.arguments.seconds / took / EPOCHS))
    return {"seconds a step": took, "patches": batch * of_epoch}


def _judged(session, method, weights):
    """PSNR of each plane on the test slides, means over fields, by method.

    linear_per_plane is fitted to the middle of a field of each slide: few numbers, soon known.
    """
    run = quick_run(0, session.device, torch.get_num_threads())
    linear, bicubic = methods.build("linear_per_plane"), methods.build("bicubic")
    filters = linear.fit(refocus_fields.middles(session, FILTERED), run)
    ways = {"bicubic": (bicubic, None), "linear_per_plane": (linear, filters)}
    ways["mfpinet"] = (method, weights)
    found = {name: [] for name in ways}
    for sample in refocus_fields.names(session)["test"]:
        if session.left < session.margin:
            raise TimeUp
        stack = refocus_fields.read(session, sample)
        seen = Volume(degrade(middle(stack))[None], "ZYXC", None)
        asked = problem(seen, "lowres", {}, {"planes": len(stack), "scale": 2})
        for name, (one, known) in ways.items():
            estimate = one.restore(asked, run, known).estimate
            pairs = zip(stack, np.asarray(estimate), strict=True)
            found[name].append([psnr(*pair, 255.0) for pair in pairs])
    means = {name: np.mean(rows, axis=0).tolist() for name, rows in found.items()}
    return {"fields": len(found["mfpinet"]), "methods": means}
