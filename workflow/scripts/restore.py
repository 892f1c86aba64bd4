"""Restore one sample with one method."""

import json
from functools import partial
from pathlib import Path

from focusbench import batch_journal, plan, running
from focusbench.evaluation.psnr import psnr
from focusbench.files import sha256, write_json
from focusbench.images import read_volume, write_volume
from focusbench.jobs import job
from focusbench.paths import Restored
from focusbench.tracks import TABLE, stage
from focusbench.training.weights import load_weights

with job(snakemake.log[0], snakemake.input, snakemake.output):
    wanted, what = snakemake.wildcards, snakemake.params.what
    seed, given = int(wanted.seed), snakemake.input
    item = Restored(wanted.sample, wanted.degradation, wanted.method, seed)
    batch_journal.set_aside(wanted.track, item)
    state = running.resume_state(wanted, what, list(given))
    track = TABLE[wanted.track]
    observed = read_volume(given.observed, track.axes)
    truth = given.get("truth")  # for the trace alone; a method never sees it
    settings = {**what["settings"], "data": plan.places(snakemake.config, wanted.sample)}
    about = json.loads(Path(given.about).read_text())
    # a recording's unit of intensity is not the truth's: its PSNR would mean nothing
    scored = truth and not wanted.degradation.startswith(track.recorded)
    score = measure = None
    if scored:
        true = read_volume(truth, track.axes).array
        score = partial(psnr, true, data_range=track.data_range)
        if track.iterates:
            measure = partial(stage(wanted.track, "iterates").measure, true)
    label = f"{wanted.method} {wanted.sample}/{wanted.degradation}"
    monitor = running.trace(label, what["parameters"].get("steps"), score, measure)
    problem = stage(wanted.track, "problem").problem(
        observed,
        wanted.degradation,
        settings,
        about,
        **({"levels": stage(wanted.track, "levels").read(given.levels)} if given.levels else {}),
    )
    run = running.make_run(what, seed, state, monitor)
    weights = load_weights(given.model) if given.get("model") else None
    restoration, record = running.restore(what["method"], what["parameters"], problem, run, weights)
    voxel_size = problem.estimate_voxel_size or observed.voxel_size
    write_volume(snakemake.output.volume, restoration.estimate, observed.axes, voxel_size)
    monitor.write_csv(snakemake.output.trace)
    origin = {"code": what["code"], "seed": seed, "observed_sha256": sha256(given.observed)}
    write_json(snakemake.output.record, {**record, **origin})
    state.remove()
