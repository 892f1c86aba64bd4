"""Prepare one sample's ground truth."""

from focusbench import plan
from focusbench.images import write_volume
from focusbench.jobs import job
from focusbench.tracks import stage

with job(snakemake.log[0], snakemake.input, snakemake.output):
    wanted, what = snakemake.wildcards, snakemake.params.what
    data = {**what["settings"]["data"], **plan.places(snakemake.config, wanted.sample)}
    volume = stage(wanted.track, "truth").truth(
        what["sample"], what["source"], {**what["settings"], "data": data}
    )
    write_volume(snakemake.output.volume, *volume)
