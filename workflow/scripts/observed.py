"""Make one observation: what a method may see."""

from focusbench import plan
from focusbench.files import write_json
from focusbench.images import read_volume, write_volume
from focusbench.jobs import job
from focusbench.tracks import TABLE, stage

with job(snakemake.log[0], snakemake.input, snakemake.output):
    wanted, what = snakemake.wildcards, snakemake.params.what
    data = {**what["settings"]["data"], **plan.places(snakemake.config, wanted.sample)}
    axes = TABLE[wanted.track].axes
    truth, base = (snakemake.input.get(name) for name in ("truth", "base"))
    volume, about = stage(wanted.track, "observe").observe(
        read_volume(truth, axes) if truth else None,
        what["sample"],
        what["source"],
        wanted.degradation,
        what["seed"],
        {**what["settings"], "data": data},
        **({"base": read_volume(base, axes)} if base else {}),
    )
    write_volume(snakemake.output.volume, *volume)
    write_json(snakemake.output.record, about)
