"""Write one table."""

from focusbench import batch_journal
from focusbench.jobs import job
from focusbench.report import tables
from focusbench.report.results import Results
from focusbench.tracks import TABLE, stage

wanted, what = snakemake.wildcards, snakemake.params.what
reads = TABLE[wanted.track].tables[wanted.table].reads
members = batch_journal.members(wanted.track, what["results"]["items"], reads, snakemake.input)

with job(snakemake.log[0], snakemake.input, snakemake.output, members):
    results = Results(wanted.track, **what["results"], settings=what["settings"])
    table = getattr(stage(wanted.track, "tables"), wanted.table)(results, what["settings"])
    tables.write(table, snakemake.output.csv, snakemake.output.md, snakemake.output.tex)
