# FocusBench: from raw data to every table and figure.
#
#   snakemake --cores 4                  all tables and figures of the configuration
#   snakemake --cores 4 multifocus       those of one track
#   snakemake --cores 4 results/...      one file alone, of any sample and method
#
# What is computed stands in config.yaml, how it is run in profiles/.
import signal
import sys
from contextlib import suppress
from pathlib import Path

from focusbench import config as configuration
from focusbench import jobs
from focusbench import plan as planning
from focusbench.errors import InputError

# SLURM's --signal=USR1 is for the jobs, which save their state and leave, but reaches the runner too
with suppress(ValueError):  # another thread than the main one may not say so
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


# elsewhere (--directory) the committed configuration stands in for a missing one
configfile: "config.yaml" if Path("config.yaml").exists() else workflow.source_path("config.yaml")


try:
    CONFIG = configuration.build(config)
    planning.check_own_methods(CONFIG)
except InputError as error:
    sys.exit(f"{jobs.MARK}{error}")

plan = jobs.OneLine(planning)


report: "workflow/report/workflow.rst"


wildcard_constraints:
    **plan.wildcards(CONFIG),


rule all:
    input:
        [plan.targets(CONFIG, track) for track in CONFIG["tracks"]],


for track in CONFIG["tracks"]:

    rule:
        name:
            track
        input:
            plan.targets(CONFIG, track),


include: "rules/slurm.smk"
include: "rules/common.smk"
include: "rules/common_batch.smk"
include: "rules/report.smk"
include: "rules/data.smk"
include: "rules/degrade.smk"
include: "rules/train.smk"
include: "rules/predict.smk"
include: "rules/restore.smk"
include: "rules/evaluate.smk"
include: "rules/batch.smk"


onstart:
    check_results()


onsuccess:
    adopt_singles()
    write_manifest()
    remove_kept_states()


onerror:
    repeat_errors()
    adopt_singles()
    write_manifest()
