"""Judge one trained predictor on patches whose level is known."""

from focusbench import plan, running
from focusbench.jobs import job
from focusbench.tracks import stage
from focusbench.training.weights import load_weights

with job(snakemake.log[0], snakemake.input, snakemake.output):
    wanted, what = snakemake.wildcards, snakemake.params.what
    stacks = {one: plan.places(snakemake.config, one) for one in what["settings"]["stacks"]}
    module = stage(wanted.track, "accuracy")
    judged = module.judge(
        what["method"],
        what["parameters"],
        load_weights(snakemake.input.model),
        what["files"],
        {**what["settings"], "stacks": stacks},
        running.make_run(what, seed=0),  # judging draws nothing from it
    )
    module.write(snakemake.output[0], judged)
