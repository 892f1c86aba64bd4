"""Time one restoration; the rule sees to it that nothing else runs."""

import json
from pathlib import Path

from focusbench.jobs import job, pin_threads

with job(snakemake.log[0], snakemake.input, snakemake.output):
    pin_threads(snakemake.params.what["threads"])  # the job itself holds all cores
    from focusbench import plan, running
    from focusbench.files import write_json
    from focusbench.images import read_volume
    from focusbench.tracks import TABLE, stage
    from focusbench.training.weights import load_weights

    wanted, what, given = snakemake.wildcards, snakemake.params.what, snakemake.input
    settings = {**what["settings"], "data": plan.places(snakemake.config, wanted.sample)}
    about = json.loads(Path(given.about).read_text())
    observed = read_volume(given.observed, TABLE[wanted.track].axes)
    problem = stage(wanted.track, "problem").problem(
        observed,
        wanted.degradation,
        settings,
        about,
        **({"levels": stage(wanted.track, "levels").read(given.levels)} if given.levels else {}),
    )
    weights = load_weights(given.model) if given.get("model") else None
    timing = running.time_restoration(
        what["method"],
        what["parameters"],
        problem,
        what,
        seed=int(wanted.seed),
        weights=weights,
        iterations=json.loads(Path(given.record).read_text())["iterations"],
        **what["timing"],
    )
    write_json(snakemake.output[0], {**timing, "code": what["code"]})
