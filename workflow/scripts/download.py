"""Download one file from its home."""

from focusbench.data import scivis_home
from focusbench.jobs import job

with job(snakemake.log[0]):
    scivis_home.get(snakemake.output[0])
