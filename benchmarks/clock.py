"""Seconds of work on the CPU or on a CUDA device, for the benchmarks beside this file."""

import platform
import statistics
import time

import torch


class Laps:
    """Times the parts of a piece of work; on CUDA by events on the device, without waiting."""

    def __init__(self, device):
        self.on_cuda = device == "cuda"
        self.marks = []
        self.mark("")

    def mark(self, name):
        """End the part `name`."""
        if self.on_cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append((name, event))
        else:
            self.marks.append((name, time.perf_counter()))

    def seconds(self):
        """Seconds by part."""
        if self.on_cuda:
            torch.cuda.synchronize()
        pairs = zip(self.marks[:-1], self.marks[1:], strict=True)
        if self.on_cuda:
            return {name: begin.elapsed_time(end) / 1e3 for (_, begin), (name, end) in pairs}
        return {name: end - begin for (_, begin), (name, end) in pairs}


def seconds(work, device, repeats, warm_up=3):
    """Median seconds of calls of `work`, each timed by itself; on CUDA, those of the device."""
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        laps = Laps(device)
        work()
        laps.mark("work")
        times.append(laps.seconds()["work"])
    return statistics.median(times)


def device_name(device):
    """What computes."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
