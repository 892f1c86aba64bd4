"""Time all predictors of a track; the rule sees to it that nothing else runs."""

from focusbench import running
from focusbench.files import write_json
from focusbench.jobs import job
from focusbench.tracks import stage
from focusbench.training.weights import load_weights

with job(snakemake.log[0], snakemake.input, snakemake.output):
    wanted, what = snakemake.wildcards, snakemake.params.what
    module = stage(wanted.track, "levels")
    timings = {
        name: module.throughput(
            one["method"],
            one["parameters"],
            load_weights(one["model"]),
            running.make_run(one, int(wanted.seed)),
            **what["timing"],
        )
        for name, one in what["predictors"].items()
    }
    write_json(snakemake.output[0], timings)
