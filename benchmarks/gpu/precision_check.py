"""What fewer digits do to a restoration."""

import statistics
import time

import torch

from focusbench.evaluation.psnr import psnr
from focusbench.training import precision
from gpu import prior
from gpu.session import TimeUp

MOST_MOVED = 0.05  # dB that less precision may cost


def check(session):
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
        run = prior.sample_stepper(session, problem, digits)
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


def chosen(session):
    """Fastest one that the check let pass."""
    if session.arguments.precision != "auto":
        return session.arguments.precision
    runs = session.record.get("precision", {}).get("runs", {})
    passed = [name for name in precision.PRECISIONS if runs.get(name, {}).get("passed")]
    return min(passed, key=lambda name: runs[name]["seconds a step"], default="float32")
