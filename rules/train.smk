# Training data -> weights.


rule train:
    output:
        model="results/{track}/models/{method}/{training}/model.safetensors",
        record="results/{track}/models/{method}/{training}/model.json",
        trace="results/{track}/models/{method}/{training}/trace.csv",
    params:
        what=lambda wildcards: plan.train_parameters(CONFIG, wildcards.track, wildcards.method),
        seed=lambda wildcards: int(wildcards.training.rpartition("seed")[2]),
    threads: lambda wildcards: CONFIG["tracks"][wildcards.track]["threads"]
    log:
        "results/logs/{track}/models/{method}/{training}.log",
    resources:
        mem_mb=8000,
        runtime=720,
        gpu=lambda wildcards: int(CONFIG["methods"][wildcards.track][wildcards.method]["gpu"]),
    conda:
        "../envs/focusbench.yaml"
    script:
        "../workflow/scripts/train.py"
