"""Train one method."""

import sys

from focusbench import plan, running
from focusbench.files import write_json
from focusbench.jobs import job
from focusbench.tracks import stage
from focusbench.training import kept_states
from focusbench.training.weights import save_weights

with job(snakemake.log[0], snakemake.input, snakemake.output):
    wanted, what = snakemake.wildcards, snakemake.params.what
    state = running.resume_state(wanted, what, list(snakemake.input))
    settings = what["settings"]
    if "recording" in settings:  # where its PSF lies here
        settings = {**settings, "data": plan.places(snakemake.config, settings["recording"])}
    data = stage(wanted.track, "training").training_set(
        what["trains_on"],
        snakemake.params.seed,
        settings,
        what["parameters"],
        **({"files": what["files"]} if what["files"] else {}),
    )
    label = f"{wanted.method} {wanted.training}"
    score = getattr(data, "score", None)  # of a validation volume, where the set has one
    rows = settings.get("watched", 20)
    steps = running.planned_steps(what["method"], what["parameters"], data)
    monitor = running.trace(label, steps, score, rows=rows)
    gpus = what["parameters"].get("processes", 1)
    run = running.make_run(what, snakemake.params.seed, state, monitor, gpus)
    weights, record = running.fit(what["method"], what["parameters"], data, run)
    monitor.write_csv(snakemake.output.trace)
    write_json(snakemake.output.record, {**record, "code": what["code"]})
    save_weights(snakemake.output.model, weights)
    share = record["details"].get("loading_share")
    if share is not None:
        print(f"{label}: {share:.2%} of the steps' time went into loading", file=sys.stderr)
    if snakemake.resources.get("packed"):  # others in this allocation may yet fail
        kept_states.keep(state.path.parent, snakemake.output.model)
    else:
        state.remove()
