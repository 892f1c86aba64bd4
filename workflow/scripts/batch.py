"""Restore one observation with all methods that cost little, and score what they make.

Each member goes through the scripts of its own rules, in a forked process; one that was made before
from the same parameters, code and inputs, and still stands, is left as it is.
"""

from pathlib import Path
from types import SimpleNamespace

from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, Wildcards

from focusbench import forked, job_record, paths
from focusbench.batch_journal import Journal, member_key
from focusbench.errors import InputError
from focusbench.files import is_file, write_json
from focusbench.jobs import job


def files(kind, given):
    """Files by name, as a script of its own rule is given them."""
    named = kind(fromdict={name: path for name, path in given.items() if path})
    for name, path in given.items():
        if not path:
            setattr(named, name, [])
    return named


def do(rule, given, wanted, what, output, log):
    """Run the script of a rule for one member; tell what went wrong, if anything did.

    Ends the job if it was asked to end.
    """
    job_of_its_own = SimpleNamespace(
        input=given,
        output=output,
        wildcards=Wildcards(fromdict=wanted),
        params=Params(fromdict={"what": what}),
        log=Log([log]),
        config=snakemake.config,
    )
    script = Path(snakemake.scriptdir, f"{rule}.py")
    if status := forked.run(script, {"snakemake": job_of_its_own}):
        return f"status {status}"
    if gone := [path for path in output if not is_file(path)]:
        return f"it ended without writing {gone[0]}"
    return None


with job(snakemake.log[0], snakemake.input, snakemake.output):
    ids, what, seen = dict(snakemake.wildcards.items()), snakemake.params.what, snakemake.input
    track, made = ids["track"], snakemake.output[0]
    shared = {"observed": seen.observed, "about": seen.about}
    truth, base = seen.get("truth"), seen.get("base")
    journal, keys, failed = Journal(paths.journal(**ids)), {}, []
    # what single jobs have made is looked at below
    Path(paths.outdated(**ids)).unlink(missing_ok=True)
    for member in what["members"]:
        item = paths.Restored(ids["sample"], ids["degradation"], member["method"], member["seed"])
        wanted = {**ids, "method": item.method, "seed": str(item.seed)}
        both = what["methods"][item.method]
        reads = {**shared, "truth": truth, "model": member["model"], "levels": member["levels"]}
        places = [path for path in [*reads.values(), base] if path]
        key = member_key(track, item, both, snakemake.params.scripts, places)
        volume, record = paths.restored(track, item), paths.record(track, item)
        trace, score = paths.trace(track, item), paths.score(track, item)
        keys[item.stem] = key
        if journal.stands(item.stem, key):
            continue
        # where this fails, what is there of other parameters must not be taken for its result
        journal.discard(item.stem, [volume, trace, record, score])
        logs = [f"results/logs/{track}/{part}/{item.stem}.log" for part in ("restored", "scores")]
        outputs = OutputFiles(fromdict={"volume": volume, "trace": trace, "record": record})
        with job_record.in_a_batch(key):
            given = files(InputFiles, reads)
            wrong = do("restore", given, wanted, both["restore"], outputs, logs[0])
            if not wrong:
                reads = {"volume": volume, "record": record, **shared, "base": base, "truth": truth}
                given = files(InputFiles, reads)
                wrong = do("score", given, wanted, both["score"], OutputFiles([score]), logs[1])
        if wrong:
            failed.append(f"{item.stem} ({wrong})")
            journal.discard(item.stem, [volume, trace, record, score])
        else:
            journal.add(item.stem, key, [volume, trace, record, score])
    if failed:
        told = ", ".join(failed[:5])
        raise InputError(
            f"{len(failed)} of {len(what['members'])} restorations of a batch failed: {told}"
        )
    journal.keep(list(keys))
    write_json(made, keys)
