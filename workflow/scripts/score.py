"""Score one restoration."""

import json
from pathlib import Path

from focusbench import plan
from focusbench.files import sha256, write_json
from focusbench.images import read_volume
from focusbench.jobs import job
from focusbench.tracks import TABLE, stage

with job(snakemake.log[0], snakemake.input, snakemake.output):
    wanted, what, given = snakemake.wildcards, snakemake.params.what, snakemake.input
    truth, base = given.get("truth"), given.get("base")
    axes = TABLE[wanted.track].axes
    record = json.loads(Path(given.record).read_text())
    metrics = stage(wanted.track, "score").score(
        truth=read_volume(truth, axes) if truth else None,
        estimate=read_volume(given.volume, axes),
        observed=read_volume(given.observed, axes),
        degradation=wanted.degradation,
        settings={**what["settings"], "data": plan.places(snakemake.config, wanted.sample)},
        about=json.loads(Path(given.about).read_text()),
        **({"base": read_volume(base, axes)} if base else {}),
    )
    details = metrics.pop("details", None)  # what a figure shows of single parts
    score = {
        "sample": wanted.sample,
        "degradation": wanted.degradation,
        "method": wanted.method,
        "seed": int(wanted.seed),
        "metrics": metrics,
        **({"details": details} if details else {}),
        "repeatable": record["repeatable"],
        "observed_sha256": sha256(given.observed),
        "truth_sha256": sha256(truth) if truth else None,
        "restoration_code": record["code"],
        "score_code": what["code"],
    }
    write_json(snakemake.output[0], score)
