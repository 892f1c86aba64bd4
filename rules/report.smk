# Scores -> tables and figures.


rule table:
    input:
        lambda wildcards: plan.report_inputs(CONFIG, wildcards.track, wildcards.table),
    output:
        csv=report(
            "results/tables/{track}_{table}.csv",
            caption="../workflow/report/table.rst",
            category="{track}",
            subcategory="tables",
            labels={"name": "{table}", "format": "csv"},
        ),
        md="results/tables/{track}_{table}.md",
        tex="results/tables/{track}_{table}.tex",
    log:
        "results/logs/tables/{track}_{table}.log",
    conda:
        "../envs/focusbench.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        what=lambda wildcards: plan.report_parameters(
            CONFIG, wildcards.track, wildcards.table
        ),
    script:
        "../workflow/scripts/table.py"


rule figure:
    input:
        lambda wildcards: plan.report_inputs(CONFIG, wildcards.track, wildcards.figure),
    output:
        pdf="results/figures/{track}_{figure}.pdf",
        png=report(
            "results/figures/{track}_{figure}.png",
            caption="../workflow/report/figure.rst",
            category="{track}",
            subcategory="figures",
            labels={"name": "{figure}", "format": "png"},
        ),
    log:
        "results/logs/figures/{track}_{figure}.log",
    conda:
        "../envs/focusbench.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        what=lambda wildcards: plan.report_parameters(
            CONFIG, wildcards.track, wildcards.figure
        ),
    script:
        "../workflow/scripts/figure.py"
