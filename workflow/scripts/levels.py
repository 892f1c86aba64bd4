"""Tell the defocus levels of one observation."""

from focusbench import running
from focusbench.images import read_volume
from focusbench.jobs import job
from focusbench.tracks import TABLE, stage
from focusbench.training.weights import load_weights

with job(snakemake.log[0], snakemake.input, snakemake.output):
    wanted, what, given = snakemake.wildcards, snakemake.params.what, snakemake.input
    module = stage(wanted.track, "levels")
    found = module.predict(
        what["method"],
        what["parameters"],
        load_weights(given.model),
        read_volume(given.observed, TABLE[wanted.track].axes),
        what["settings"],
        running.make_run(what, int(wanted.seed)),
    )
    module.write(snakemake.output[0], found)
