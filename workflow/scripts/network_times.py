"""Time a track's networks at the size of the paper; the rule sees to it that nothing else runs."""

from focusbench.files import write_json
from focusbench.jobs import job
from focusbench.tracks import stage

with job(snakemake.log[0], snakemake.input, snakemake.output):
    what = snakemake.params.what
    module = stage(snakemake.wildcards.track, "network_times")
    write_json(
        snakemake.output[0], {**module.measure(what["settings"], what), "code": what["code"]}
    )
