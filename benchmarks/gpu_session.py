"""All that is to be checked and timed on a GPU, and as many restorations as fit, resumably.

    python benchmarks/gpu_session.py --inputs FOLDER --output FOLDER [--minutes 9] [--work FOLDER]

For a machine that is at hand for some minutes only, without Snakemake: torch, triton, numba, scipy,
scikit-image, tifffile and safetensors are enough, with `src` on PYTHONPATH. Run it again, with the
same arguments, until it says that nothing is left; each run ends after `--minutes`.

Inputs, as the workflow leaves them in results/multifocus: `observed/{sample}/{degradation}.ome.tif`
and `truth/{sample}.ome.tif` (for scores only; no method sees it).

Stages, in order; one that is done is not repeated:
  device      what it is, and how fast it copies and multiplies
  check       rays against float64 loops: image, gradient, and equal bytes in three runs
  rays        seconds forward and backward, against plain torch; ways to cut up the work
  dip         the split of a step, by precision and by how it is launched
  beside      two restorations in one process, on a stream each
  precision   PSNR after some steps in float32 and less; the same parameters in float32
  restore     sample after sample, by the deep image prior

Everything is noted in `--work` (record.json, estimates.safetensors, and the state of what was cut
off) and copied to `--output`, with a summary, record.md. On a new machine, give the last output as
`--earlier`: what was finished is then kept.
"""

import argparse
import json
import math
import os
import platform
import shutil
import signal
import statistics
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import clock
import dip
import numpy as np
import torch

from focusbench import methods
from focusbench.evaluation.psnr import psnr
from focusbench.images import read_volume
from focusbench.networks.skip_3d import Skip3d
from focusbench.optics import ray_gather, ray_loops, rays
from focusbench.tracks.multifocus.problem import problem
from focusbench.training import deep_prior, precision, seeds
from focusbench.training import device as devices
from focusbench.training.progress import Trace
from focusbench.training.run import apply_threads, quick_run
from focusbench.training.state import FileState

RECORD, ESTIMATES, SUMMARY = "record.json", "estimates.safetensors", "record.md"
MOST_MOVED = 0.05  # dB that less precision may cost


class TimeUp(Exception):
    """The minutes are over."""


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
            SUMMARY: ("\n".join(summary(self.record)) + "\n").encode(),
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


def plain(values):
    """What JSON can hold."""
    return {name: str(v) if isinstance(v, Path) else v for name, v in values.items()}


# --- stages ---------------------------------------------------------------------------------------


def stage_device(session):
    about = {
        "name": clock.device_name(session.device),
        "device": session.device,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    count = 2**22
    if session.device == "cuda":
        import triton

        about |= {
            "triton": triton.__version__,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "multiprocessors": torch.cuda.get_device_properties(0).multi_processor_count,
        }
        count = 2**28
    source = torch.rand(count, device=session.device)
    target = torch.empty_like(source)
    took = clock.seconds(lambda: target.copy_(source), session.device, 10)
    about["copy, GB/s (read and written)"] = 8 * count / took / 1e9
    side = 8192 if session.device == "cuda" else 512
    for digits in precision.PRECISIONS:
        dtype = torch.bfloat16 if digits == "bfloat16" else torch.float32
        a, b = torch.rand(2, side, side, device=session.device, dtype=dtype)
        with precision.arithmetic(digits):
            took = clock.seconds(lambda a=a, b=b: a @ b, session.device, 5)
        about[f"matrix product in {digits}, TFLOP/s"] = 2 * side**3 / took / 1e12
    return about


def random_volume(session, shape, seed=0):
    """Log-transmittance and an upstream gradient on the device."""
    generator = torch.Generator().manual_seed(seed)
    volume = torch.rand(shape, generator=generator).clamp(0.2).log()
    return volume.to(session.device), torch.randn(shape, generator=generator).to(session.device)


def stage_check(session):
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


def stage_rays(session):
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


def stage_dip(session):
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


def stage_beside(session):
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


def stage_precision(session):
    """Does less precision move the PSNR by less than 0.05 dB?

    Of each run: `PSNR`, mean over the last tenth of its scores; `moved`, the PSNR of its last
    estimate minus that of the same parameters computed in float32. Runs drift apart for any reason
    (on CUDA also float32 from itself), so `apart`, their PSNR minus that of the float32 run, stands
    beside `spread`: how far a second float32 run ends from the first.
    """
    samples = [s for s in session.samples() if session.problem(s)[1] is not None]
    if not samples:
        return {"skipped": "no truth beside the observations"}
    result = session.record.get("precision, unfinished", {"sample": samples[0], "runs": {}})
    problem, truth = session.problem(samples[0])
    steps = session.arguments.precision_steps
    for name in ("float32", "float32 again", "tf32", "bfloat16"):
        if name in result["runs"]:
            continue
        if session.left < 8 * session.margin:
            session.note("precision, unfinished", result)
            raise TimeUp
        digits = name.split()[0]
        run = sample_stepper(session, problem, digits)
        scores = []
        begin = time.perf_counter()
        for step in range(1, steps + 1):
            loss = run.step()
            if step % max(1, steps // 100) == 0 or step == steps:
                scores.append(psnr(truth, run.estimate().cpu().numpy(), 1.0))
        took = time.perf_counter() - begin
        with torch.no_grad():
            estimates = []
            for again in (digits, "float32"):
                run.digits = again
                with precision.arithmetic(again):
                    estimates.append(run.predict(run.noise)[0, 0].cpu().numpy())
        own, exact = (psnr(truth, estimate, 1.0) for estimate in estimates)
        result["runs"][name] = {
            "PSNR": statistics.mean(scores[-max(1, len(scores) // 10) :]),
            "moved": own - exact,
            "loss": loss,
            "seconds a step": took / steps,
        }
        del run
        session.note("precision, unfinished", result)
    session.record.pop("precision, unfinished", None)
    first = result["runs"]["float32"]
    result["steps"] = steps
    result["spread"] = abs(result["runs"]["float32 again"]["PSNR"] - first["PSNR"])
    for row in result["runs"].values():
        row["apart"] = row["PSNR"] - first["PSNR"]
        row["passed"] = abs(row["moved"]) < MOST_MOVED and row["apart"] > -max(
            MOST_MOVED, result["spread"]
        )
    return result


def sample_stepper(session, problem, digits):
    """The restoration of `dip` from its fit to a constant on, as a stepper."""

    method = build(session, digits)
    run = quick_run(seed=0, device=session.device)
    with seeds.seeded(0, "network"):
        network = Skip3d(method.width, method.scales, method.skip).to(session.device)
    noise = deep_prior.noise_input(problem.observed.shape, method.input_scale, run)
    start = deep_prior.VolumeFit(
        network,
        noise,
        method.constant,
        method.constant_learning_rate,
        session.device,
        digits,
        method.cuda_graph,
    )
    for _ in range(method.constant_steps):
        start.step()
    observed = torch.as_tensor(problem.observed, dtype=torch.float32, device=session.device)
    return deep_prior.Reconstruction(
        network,
        noise,
        problem.forward,
        observed,
        method.learning_rate,
        session.device,
        digits,
        method.cuda_graph,
    )


def build(session, digits):
    """The method `dip` as it is run here."""
    return methods.build(
        "dip",
        {
            "steps": session.arguments.steps,
            "constant_steps": session.arguments.constant_steps,
            "width": session.settings.width,
            "scales": session.settings.scales,
            "precision": digits,
            "cuda_graph": session.device == "cuda",
        },
    )


def chosen_precision(session):
    """Fastest one that the check let pass."""
    if session.arguments.precision != "auto":
        return session.arguments.precision
    runs = session.record.get("precision", {}).get("runs", {})
    passed = [name for name in precision.PRECISIONS if runs.get(name, {}).get("passed")]
    return min(passed, key=lambda name: runs[name]["seconds a step"], default="float32")


def stage_restore(session):
    """Restore one sample after the other until the minutes are over."""
    done = session.record.setdefault("restore", {})
    for sample in session.samples():
        if sample in done:
            continue
        if session.left < 2 * session.margin:
            raise TimeUp
        problem, truth = session.problem(sample)
        method = build(session, chosen_precision(session))
        state = FileState(session.work / "state" / sample, json.dumps(asdict(method)))
        trace = Trace(
            None,
            None if truth is None else (lambda x, truth=truth: psnr(truth, x, 1.0)),
            max(1, method.steps // 100),
            f"dip {sample}",
        )
        run = replace(
            quick_run(seed=0, device=session.device, threads=torch.get_num_threads()),
            state=state,
            monitor=trace,
        )
        with Alarm(session.left - session.margin):
            result = method.restore(problem, run)
        wall, _ = trace.used
        scores = [row.psnr for row in trace.rows if row.psnr is not None]
        session.estimates[sample] = result.estimate
        done[sample] = {
            "precision": method.precision,
            "iterations": result.iterations,
            "seconds": wall,
            "seconds a step": wall / max(1, result.iterations),
            "PSNR": scores[-1] if scores else None,
            "best PSNR (oracle)": max(scores, default=None),
            "PSNR of others": {
                name: None if truth is None else psnr(truth, volume, 1.0)
                for name, volume in result.others.items()
            },
            "trace": [list(row) for row in trace.rows],
            "shape": list(result.estimate.shape),
        }
        session.save()
        state.remove()
    return done


class Alarm:
    """Ask for an end by SIGTERM when the seconds are over, as a scheduler would."""

    def __init__(self, seconds):
        self.timer = threading.Timer(
            max(0.1, seconds), lambda: os.kill(os.getpid(), signal.SIGTERM)
        )

    def __enter__(self):
        self.before = signal.signal(signal.SIGTERM, self.stop)
        self.timer.start()

    @staticmethod
    def stop(number, frame):
        """Outside of the steps; within them, the loop saves its state first."""
        raise TimeUp

    def __exit__(self, kind, error, trace):
        self.timer.cancel()
        signal.signal(signal.SIGTERM, self.before)
        if kind is SystemExit:
            raise TimeUp from None


STAGES = {
    "device": stage_device,
    "check": stage_check,
    "rays": stage_rays,
    "dip": stage_dip,
    "beside": stage_beside,
    "precision": stage_precision,
    "restore": stage_restore,
}


# --- summary --------------------------------------------------------------------------------------


def summary(record):
    """Lines of Markdown."""
    about = record.get("device", {})
    lines = [f"# Multifocus on {about.get('name', 'a device')}", ""]
    lines += [f"- {name}: {number(value)}" for name, value in about.items()]
    if "check" in record:
        lines += ["", "## Rays against float64", ""]
        lines += rows_of(record["check"])
    if "rays" in record:
        lines += [
            "",
            "## Rays, ms",
            "",
            "| form | forward | backward | both |",
            "|---|---|---|---|",
        ]
        rows = [(name, row) for name, row in record["rays"].items() if name != "launches"]
        rows += [
            (", ".join(f"{k} {v}" for k, v in row["launch"].items()), row)
            for row in record["rays"].get("launches", [])
        ]
        for name, row in rows:
            if "error" in row:
                lines.append(f"| {name} | {row['error']} | | |")
                continue
            both = [1e3 * row["forward"], 1e3 * row["backward"]]
            lines.append(f"| {name} | {both[0]:.3f} | {both[1]:.3f} | {sum(both):.3f} |")
    for name, result in (record.get("dip") or record.get("dip, unfinished") or {}).items():
        lines += ["", f"## A step of the deep image prior: {name}", ""]
        lines += [result["error"]] if "error" in result else dip.table(result)
    if "beside" in record:
        lines += ["", "## Two restorations in one process (tf32, graphs, a stream each)", ""]
        lines += rows_of([{"size": k} | v for k, v in record["beside"].items()])
    if "runs" in record.get("precision", {}):
        found = record["precision"]
        lines += ["", f"## Precision: {found['sample']}, {found['steps']} steps, dB", ""]
        lines += rows_of([{"run": k} | v for k, v in found["runs"].items()])
        lines += ["", f"Spread of float32: {found['spread']:.3f} dB"]
    elif "precision" in record:
        lines += ["", f"Precision: {record['precision']['skipped']}"]
    if record.get("restore"):
        lines += ["", "## Restored", ""]
        lines += rows_of(
            [
                {"sample": name} | {k: v for k, v in row.items() if k != "trace"}
                for name, row in record["restore"].items()
            ]
        )
    return lines


def rows_of(rows):
    """Markdown table of equal dictionaries."""
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(number(row[h]) for h in heads) + " |" for row in rows]


def number(value):
    """Four digits of a number; anything else as it is."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.4g}"
    return str(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", required=True, help="folder with observed/ and truth/")
    parser.add_argument("--output", required=True, help="folder for the record, to be kept")
    parser.add_argument("--work", default="/tmp/focusbench-gpu-session", help="folder between runs")
    parser.add_argument("--earlier", help="output of an earlier machine")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--margin", type=float, default=15.0, help="seconds kept for writing")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES))
    parser.add_argument("--samples", nargs="+", help="ids, in order; default: all")
    parser.add_argument("--degradation", default="clean")
    parser.add_argument("--precision", choices=["auto", *precision.PRECISIONS], default="auto")
    parser.add_argument("--steps", type=int, default=30_000, help="of a restoration")
    parser.add_argument("--constant-steps", type=int, default=500, help="of the fit before it")
    parser.add_argument("--precision-steps", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--size", type=int, default=128, help="of what is timed")
    parser.add_argument("--slices", type=int, default=11)
    parser.add_argument("--aperture-grid", type=int, default=25)
    parser.add_argument("--numerical-aperture", type=float, default=0.75)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--scales", type=int, default=3)
    arguments = parser.parse_args()
    apply_threads(arguments.threads)
    session = Session(arguments)
    if "restore" in arguments.stages and not session.samples():
        parser.error(f"{arguments.inputs}: no observed/*/{arguments.degradation}.ome.tif there")
    try:
        for name in arguments.stages:
            finished = name in session.record and name != "restore"
            if finished:
                continue
            if session.left < session.margin:
                raise TimeUp
            begin = time.monotonic()
            session.note(name, STAGES[name](session))
            print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)
    except TimeUp:
        print("the minutes are over; run it again with the same arguments", flush=True)
    else:
        print("nothing is left", flush=True)
    session.save()
    print("\n".join(summary(session.record)))


if __name__ == "__main__":
    main()
