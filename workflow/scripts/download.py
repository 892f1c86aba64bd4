"""Download one file from its home."""

from focusbench import data
from focusbench.jobs import job

with job(snakemake.log[0]):
    data.home(snakemake.wildcards.home).get(snakemake.output[0])
