"""The verb `slides`: from a folder of focal stacks to a configuration that names them."""

from __future__ import annotations

import argparse
import os
import shlex
from typing import Any

from focusbench.data import slide_list
from focusbench.data.slides import PLANES
from focusbench.errors import InputError
from focusbench.files import write_text

ENDINGS = (".yaml", ".yml")


def add(verbs: Any) -> None:
    """Add the verb to the subparsers of the command line."""
    verb = verbs.add_parser(
        "slides",
        help="list focal stacks of one's own slides as a configuration",
        description="Search a folder for focal stacks of stained slides (a multi-page TIFF a "
        "field, a folder with one image a plane, or the layout of the public patches), choose "
        "windows with cells, split them by slide, and write a configuration that lays over "
        "config.yaml. Without --train and --test, slides are dealt out in their sorted order.",
    )
    verb.add_argument("folder", help="folder with focal stacks, searched with its subfolders")
    verb.add_argument("-o", "--output", required=True, help="the configuration to write (.yaml)")
    for name, default, metavar, words in (
        ("side", slide_list.SIDE, "PX", "of a window"),
        ("count", slide_list.COUNT, "N", "windows of each slide, at most"),
        ("planes", PLANES, "N", "of a field, odd"),
        ("z-step", slide_list.Z_STEP, "UM", "from plane to plane"),
        ("pixel-size", slide_list.PIXEL_SIZE, "UM", "in the object"),
        ("seed", 0, "N", "of the choice"),
    ):
        told = f"{words}; default: {default}"
        verb.add_argument(
            f"--{name}", type=type(default), default=default, metavar=metavar, help=told
        )
    for role, words in (
        ("train", "learn from"),
        ("test", "test on"),
        ("validation", "watch a training with"),
    ):
        verb.add_argument(f"--{role}", metavar="SLIDE,...", help=f"slides to {words}")
    verb.set_defaults(run=_slides)


def _slides(options: argparse.Namespace) -> None:
    from focusbench.training.progress import Count

    if not options.output.lower().endswith(ENDINGS):
        raise InputError(f"--output: {options.output!r} is not accepted; a name that ends in .yaml")
    for name in ("z_step", "pixel_size"):
        if not 0 < getattr(options, name) <= 100:
            raise InputError(
                f"--{name.replace('_', '-')}: {getattr(options, name)} is not accepted; um above 0"
            )
    given = {role: _names(getattr(options, role)) for role in slide_list.ROLES}
    show = Count(f"slides {options.folder}")

    def progress(done: int, total: int) -> None:
        if done == 1:
            show.begin("slide", total)
        show(done)

    found = slide_list.find(options.folder, options.planes)
    split = slide_list.roles(list(found.slides), given)
    used = [slide for mine in split.values() for slide in mine]
    size = options.side, options.count, options.seed
    listed = slide_list.choose(found, used, *size, progress)
    fields = options.planes, options.z_step, options.pixel_size
    config = slide_list.overlay(found, listed, split, *fields)
    told = slide_list.described(found, listed, split, *size)
    comment = [
        f"Focal stacks of {os.path.abspath(os.path.expanduser(options.folder))}, written by",
        f"    {_command(options)}",
        *told,
        f"Use: snakemake --cores 4 --configfile {os.path.basename(options.output)} -- refocus",
    ]
    write_text(options.output, slide_list.text(config, comment))
    print("\n".join(told))


def _names(given: str | None) -> list[str]:
    return [one.strip() for one in (given or "").split(",") if one.strip()]


def _command(options: argparse.Namespace) -> str:
    words = ["focusbench", "slides", options.folder, "-o", options.output]
    for name in ("side", "count", "planes", "z_step", "pixel_size", *slide_list.ROLES, "seed"):
        value = getattr(options, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)
