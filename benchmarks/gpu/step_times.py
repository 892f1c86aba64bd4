"""Seconds of a step of the deep image prior: its parts, and two restorations side by side."""

import time
from dataclasses import asdict, replace

import dip
import torch

from focusbench.training import device as devices
from focusbench.training import precision
from gpu.session import TimeUp


def split(session):
    """The split of a step, plainest first."""
    base = session.settings
    variants = {"float32": base, "tf32": replace(base, precision="tf32")}
    if session.device == "cuda":
        tf32 = variants["tf32"]
        variants |= {
            "bfloat16": replace(base, precision="bfloat16"),
            "tf32, graph": replace(tf32, graph=True),
            "bfloat16, graph": replace(base, precision="bfloat16", graph=True),
            "tf32, graph, kernels chosen": replace(tf32, graph=True, choose_kernels=True),
            "tf32, graph, channels last": replace(tf32, graph=True, channels_last=True),
            "bfloat16, graph, channels last": replace(
                base, precision="bfloat16", graph=True, channels_last=True
            ),
            "tf32, fused": replace(tf32, fuse=True),
            "bfloat16, graph, fused": replace(base, precision="bfloat16", graph=True, fuse=True),
        }
    result = session.record.get("dip, unfinished", {})
    for name, settings in variants.items():
        if name in result:
            continue
        if session.left < (12 if settings.fuse else 3) * session.margin:
            session.note("dip, unfinished", result)
            raise TimeUp
        try:
            result[name] = dip.measure(
                settings, session.arguments.repeats, reference_repeats=int(name == "float32")
            )
        except Exception as error:  # a variant that cannot be run here is a result, too
            result[name] = {"error": f"{type(error).__name__}: {str(error).split(chr(10))[0]}"}
        result[name]["settings"] = asdict(settings)
        torch.cuda.empty_cache()
        session.note("dip, unfinished", result)
    session.record.pop("dip, unfinished", None)
    return result


def beside(session):
    """Seconds a step of one restoration alone, and of two that take turns on two streams."""
    result = {}
    for size in sorted({session.settings.size, min(50, session.settings.size)}):
        settings = replace(session.settings, precision="tf32", graph=True, size=size)
        runs = [dip.stepper(settings) for _ in range(2)]
        cuda = session.device == "cuda"
        streams = [torch.cuda.Stream() if cuda else None for _ in runs]

        def turn(pairs, settings=settings):
            with precision.arithmetic(settings.precision):
                for run, stream in pairs:
                    with torch.cuda.stream(stream):
                        run.graph()

        pairs = list(zip(runs, streams, strict=True))
        for _ in range(dip.WARM_UP + 1):
            turn(pairs)
        times = {}
        for name, chosen in (("alone", pairs[:1]), ("two", pairs)):
            devices.synchronize(session.device)
            begin = time.perf_counter()
            for _ in range(session.arguments.repeats):
                turn(chosen)
            devices.synchronize(session.device)
            times[name] = (time.perf_counter() - begin) / session.arguments.repeats
        result[f"{size} x {size}"] = {
            "a step alone": times["alone"],
            "a step of each of two": times["two"],
            "gain": 2 * times["alone"] / times["two"],
        }
    return result
