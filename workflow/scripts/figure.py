"""Draw one figure."""

from focusbench import batch_journal
from focusbench.jobs import job
from focusbench.report import figures
from focusbench.report.results import Results
from focusbench.tracks import TABLE, stage

wanted, what = snakemake.wildcards, snakemake.params.what
reads = TABLE[wanted.track].figures[wanted.figure].reads
members = batch_journal.members(wanted.track, what["results"]["items"], reads, snakemake.input)

with job(snakemake.log[0], snakemake.input, snakemake.output, members):
    results = Results(wanted.track, **what["results"], settings=what["settings"])
    module = stage(wanted.track, "figures")
    figure = getattr(module, wanted.figure)(results, what["settings"])
    caption = getattr(module, f"{wanted.figure}_caption")(results, what["settings"])
    figures.save(figure, snakemake.output.pdf, snakemake.output.png, caption=caption)
