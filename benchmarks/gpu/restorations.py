"""Restorations by the deep image prior, cut off in time and taken up again."""

import json
import os
import signal
import threading
from dataclasses import asdict, replace

import torch

from focusbench.evaluation.psnr import psnr
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run
from focusbench.training.state import FileState
from gpu import precision_check, prior
from gpu.session import TimeUp


def restore(session):
    """Restore one sample after the other until the minutes are over."""
    done = session.record.setdefault("restore", {})
    for sample in session.samples():
        if sample in done:
            continue
        if session.left < 2 * session.margin:
            raise TimeUp
        problem, truth = session.problem(sample)
        method = prior.build(session, precision_check.chosen(session))
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
