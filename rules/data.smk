# Raw data and procedural phantoms -> prepared ground truth.
from focusbench.data import HOMES


# A job of this machine: those of a cluster often have no network. The file is not removed before
# the job: one that is there is checked, not downloaded again.
rule download:
    output:
        update("data/{home}/{raw}"),
    log:
        "results/logs/data/{home}/{raw}.log",
    wildcard_constraints:
        home="|".join(HOMES),
        raw=r"\w+\.(?:raw|zip)",
    localrule: True
    conda:
        "../envs/focusbench.yaml"
    resources:
        downloads=1,
    script:
        "../workflow/scripts/download.py"


rule truth:
    input:
        source=source_of,
    output:
        volume="results/{track}/truth/{sample}.ome.tif",
    log:
        "results/logs/{track}/truth/{sample}.log",
    priority: 2  # quick, and all else waits for them
    conda:
        "../envs/focusbench.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        what=lambda wildcards: plan.truth_parameters(
            CONFIG, wildcards.track, wildcards.sample
        ),
    script:
        "../workflow/scripts/truth.py"
