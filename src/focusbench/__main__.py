"""Command line: `focusbench VERB ...`, or `python -m focusbench VERB ...`; see `--help`."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import hashlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from focusbench import check_verb, methods, refocus_verb, slides_verb, tracks, verify_verb
from focusbench.errors import InputError
from focusbench.jobs import INTERRUPTED, MARK, line
from focusbench.tracks.recording import Prepared, flag

LEVELS = "defocus"  # the track whose images have levels
TOLD = ("pixel_size", "patch")  # of its options, those that `levels` has


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    level = logging.DEBUG if os.environ.get("FOCUSBENCH_DEBUG") else logging.WARNING
    logging.basicConfig(format="focusbench: %(message)s")
    logging.getLogger(__name__).setLevel(level)
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (InputError, OSError, FloatingPointError) as error:
        print(f"{MARK}{line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{MARK}interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        logging.getLogger(__name__).debug("traceback", exc_info=error)
        print(
            f"{MARK}{type(error).__name__}: {line(error)} (a fault of the program or "
            "the method; FOCUSBENCH_DEBUG=1 shows where)",
            file=sys.stderr,
        )
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="focusbench", description="Restore wide-field microscopy images."
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    verb = verbs.add_parser(
        "restore",
        help="restore one recording of one's own",
        description="Restore a recording with one method, without a workflow. A run that was "
        "killed goes on where it was when the same command is given again.",
    )
    verb.add_argument("stack", help="multi-page TIFF, OME-TIFF, or folder of images")
    verb.add_argument("-o", "--output", required=True, help="the volume to write (.ome.tif)")
    verb.add_argument("--track", default="multifocus", choices=tracks.names())
    verb.add_argument("--method", required=True, help="id of a method, or module:Class of your own")
    verb.add_argument(
        "--set",
        dest="parameters",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a parameter of the method; may be given again",
    )
    verb.add_argument("--weights", help="trained weights (.safetensors), for a method that trains")
    options = {track: tracks.stage(track, "recording").OPTIONS for track in tracks.names()}
    for track, known in options.items():
        group = verb.add_argument_group(f"the recording, in track {track}")
        for name, option in known.items():
            earlier = [other for other in options if name in options[other]]
            if earlier[0] == track:
                group.add_argument(
                    flag(name),
                    type=option.type,
                    metavar=option.metavar,
                    help=option.help,
                    choices=option.choices,
                )
    how = verb.add_argument_group("how to run")
    how.add_argument("--seed", type=int, default=0)
    _add_machine(how)
    how.add_argument("--budget-seconds", type=float, metavar="S", help="stop after that time")
    verb.set_defaults(run=_restore)
    _add_levels(
        verbs.add_parser(
            "levels",
            help="tell how far the patches of an image are out of focus",
            description="Tell the defocus levels of an image's patches, as a trained predictor "
            "sees them: one line a patch, with the probability of each level. They hold for the "
            "lens and the pixels that it learned with.",
        )
    )
    refocus_verb.add(verbs, _check_refocus)
    slides_verb.add(verbs)
    verify_verb.add(verbs)
    check_verb.add(verbs)
    return parser


def _check_refocus(options: argparse.Namespace) -> None:
    _stem(options.output)
    _check_place(options.output, options.stack)
    _check_threads(options)


def _add_machine(group: Any) -> None:
    group.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    group.add_argument("--threads", type=int, default=1)


def _add_levels(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("stack", metavar="image", help="TIFF or PNG of 16 bits a pixel")
    verb.add_argument("-o", "--output", required=True, help="the list to write (.csv)")
    verb.add_argument("--weights", required=True, help="of a predictor (.safetensors)")
    known = tracks.stage(LEVELS, "recording").OPTIONS
    for name in TOLD:
        one = known[name]
        verb.add_argument(flag(name), type=one.type, metavar=one.metavar, help=one.help)
    _add_machine(verb)
    verb.set_defaults(run=_levels)


def _restore(options: argparse.Namespace) -> None:
    from focusbench import running
    from focusbench.dependencies import code_hash
    from focusbench.files import sha256, write_json
    from focusbench.images import write_volume
    from focusbench.training.state import FileState
    from focusbench.training.weights import load_weights

    stem = _stem(options.output)
    _check_place(options.output, options.stack)
    if options.seed < 0:
        raise InputError(f"--seed: {options.seed} is not accepted; 0 or more")
    _check_threads(options)
    if options.budget_seconds is not None and not options.budget_seconds > 0:
        raise InputError(f"--budget-seconds: {options.budget_seconds} is not accepted; more than 0")
    parameters = dict(map(_parameter, options.parameters))
    described = getattr(tracks.stage(options.track, "recording"), "described", None)
    if described is not None and options.weights:
        parameters = {**described(options.method, options.weights), **parameters}
    chosen = methods.build(options.method, parameters)
    entry = methods.TABLE.get(options.method)
    if entry is not None and not entry.serves(options.track):
        mine = [name for name in methods.names(options.track) if not methods.TABLE[name].predicts]
        raise InputError(
            f"--method: {options.method} belongs to another track; accepted: "
            f"{', '.join(mine)}, or module:Class"
        )
    if entry is not None and entry.predicts:
        raise InputError(
            f"--method: {options.method} restores nothing; `focusbench levels` writes what it "
            "tells, and methods that restore take its --weights"
        )
    if hasattr(chosen, "fit") and not options.weights:
        raise InputError(
            f"--weights: {options.method} starts from trained weights; give the "
            "model.safetensors of a training"
        )
    recording = tracks.stage(options.track, "recording").recording(options.stack, _given(options))
    observed = recording.observed
    weights = load_weights(options.weights) if options.weights else None
    how = {
        "device": options.device,
        "threads": options.threads,
        "budget_seconds": options.budget_seconds,
    }
    code = code_hash(
        entry.target if entry is not None else options.method,
        tracks.TABLE[options.track].package + ".problem",
        "focusbench.running",
    )
    stated = Prepared(recording.problem, weights)
    if recording.prepare is not None:
        stated = recording.prepare(chosen, weights, running.make_run(how, options.seed))
    known = {
        "method": options.method,
        "parameters": parameters,
        "settings": {key: value for key, value in recording.stack.items() if key != "path"},
        "optics": dict(recording.optics),
        "seed": options.seed,
        "code": code,
        "told": {
            name: hashlib.sha256(array.tobytes()).hexdigest()
            for name, array in stated.problem.extras.items()
        },
        **how,
    }
    inputs = [*recording.files, *([options.weights] if options.weights else [])]
    key = running.fingerprint(known, inputs)
    observed_sha256 = hashlib.sha256(observed.array.tobytes()).hexdigest()
    state = FileState(Path(f"{stem}.resume"), key)
    monitor = running.trace(f"{options.method} {Path(options.stack).name}", parameters.get("steps"))
    run = running.make_run(how, options.seed, state, monitor)
    restoration, record = running.restore(
        options.method, parameters, stated.problem, run, stated.weights
    )
    voxel_size = stated.problem.estimate_voxel_size or observed.voxel_size
    write_volume(options.output, restoration.estimate, observed.axes, voxel_size)
    if stated.write is not None:
        stated.write(stem)
    monitor.write_csv(f"{stem}.trace.csv")
    about = {
        "code": code,
        "seed": options.seed,
        "method": options.method,
        "parameters": dataclasses.asdict(chosen)
        if dataclasses.is_dataclass(chosen)
        else parameters,
        "stack": {**recording.stack, "voxel_size": observed.voxel_size and [*observed.voxel_size]},
        **recording.optics,
        **stated.about,
        "budget_seconds": options.budget_seconds,
        "inputs_sha256": {str(one): sha256(one) for one in inputs},
        "observed_sha256": observed_sha256,
    }
    write_json(f"{stem}.json", {**record, **about})
    state.remove()


def _levels(options: argparse.Namespace) -> None:
    from focusbench import running
    from focusbench.training.weights import load_weights

    if not options.output.lower().endswith(".csv"):
        raise InputError(f"--output: {options.output!r} is not accepted; a name that ends in .csv")
    _check_place(options.output, options.stack)
    _check_threads(options)
    recording, levels = (tracks.stage(LEVELS, name) for name in ("recording", "levels"))
    given = {name: getattr(options, name) for name in TOLD if getattr(options, name) is not None}
    observed, settings = recording.read_field(options.stack, given)
    weights = load_weights(options.weights)
    how = {"device": options.device, "threads": options.threads, "budget_seconds": None}
    _, told = recording.predicted(observed, settings, weights, running.make_run(how, 0))
    levels.write(options.output, told)
    found = recording.summary(told)
    print(", ".join(f"level {level}: {count}" for level, count in found.items()))


def _check_threads(options: argparse.Namespace) -> None:
    if options.threads < 1:
        raise InputError(f"--threads: {options.threads} is not accepted; 1 or more")


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Options of the recording that were given; those of another track are refused."""
    given = {}
    mine = tracks.stage(options.track, "recording").OPTIONS
    for track in tracks.names():
        for name in tracks.stage(track, "recording").OPTIONS:
            value = getattr(options, name)
            if value is None:
                continue
            if name not in mine:
                raise InputError(
                    f"{flag(name)}: is an option of track {track}; accepted in {options.track}: "
                    f"{', '.join(map(flag, mine))}"
                )
            given[name] = value
    return given


def _check_place(output: str, stack: str) -> None:
    """Refuse to write over the recording, or where nothing can be written, before any work."""
    # no `resolve`: it raises where links lead round in a circle
    target, source = (Path(os.path.realpath(one)) for one in (output, stack))
    if target == source or source in target.parents:
        raise InputError(
            f"--output: {output} would overwrite or join the stack {stack}; another "
            "place is accepted"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output: {output} cannot be written: {error.strerror}") from None
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"--output: {output} cannot be written: no permission in its folder")


def _stem(output: str) -> str:
    for ending in (".ome.tif", ".ome.tiff"):
        if output.lower().endswith(ending) and len(Path(output).name) > len(ending):
            return output[: -len(ending)]
    raise InputError(f"--output: {output!r} is not accepted; a name that ends in .ome.tif")


def _parameter(text: str) -> tuple[str, Any]:
    key, sign, value = text.partition("=")
    if not sign or not key.isidentifier():
        raise InputError(f"--set: {text!r} is not accepted; KEY=VALUE")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value  # a word


if __name__ == "__main__":
    sys.exit(main())
