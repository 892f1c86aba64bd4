"""The record of a session as a page of Markdown."""

import math

import dip

from gpu import refocus_page


def page(record):
    """Lines of Markdown."""
    about = record.get("device", {})
    track = record.get("settings", {}).get("track", "multifocus").capitalize()
    lines = [f"# {track} on {about.get('name', 'a device')}", ""]
    lines += [f"- {name}: {number(value)}" for name, value in about.items()]
    if "check" in record:
        lines += ["", "## Rays against float64", ""]
        lines += rows_of(record["check"])
    if "rays" in record:
        lines += [
            "",
            "## Rays, ms",
            "",
            "| form | forward | backward | both |",
            "|---|---|---|---|",
        ]
        rows = [(name, row) for name, row in record["rays"].items() if name != "launches"]
        rows += [
            (", ".join(f"{k} {v}" for k, v in row["launch"].items()), row)
            for row in record["rays"].get("launches", [])
        ]
        for name, row in rows:
            if "error" in row:
                lines.append(f"| {name} | {row['error']} | | |")
                continue
            both = [1e3 * row["forward"], 1e3 * row["backward"]]
            lines.append(f"| {name} | {both[0]:.3f} | {both[1]:.3f} | {sum(both):.3f} |")
    for name, result in (record.get("dip") or record.get("dip, unfinished") or {}).items():
        lines += ["", f"## A step of the deep image prior: {name}", ""]
        lines += [result["error"]] if "error" in result else dip.table(result)
    if "beside" in record:
        lines += ["", "## Two restorations in one process (tf32, graphs, a stream each)", ""]
        lines += rows_of([{"size": k} | v for k, v in record["beside"].items()])
    if "runs" in record.get("precision", {}):
        found = record["precision"]
        lines += ["", f"## Precision: {found['sample']}, {found['steps']} steps, dB", ""]
        lines += rows_of([{"run": k} | v for k, v in found["runs"].items()])
        lines += ["", f"Spread of float32: {found['spread']:.3f} dB"]
    elif "precision" in record:
        lines += ["", f"Precision: {record['precision']['skipped']}"]
    if record.get("restore"):
        lines += ["", "## Restored", ""]
        lines += rows_of(
            [
                {"sample": name} | {k: v for k, v in row.items() if k != "trace"}
                for name, row in record["restore"].items()
            ]
        )
    return lines + refocus_page.page(record)


def rows_of(rows):
    """Markdown table of equal dictionaries."""
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(number(row[h]) for h in heads) + " |" for row in rows]


def number(value):
    """Four digits of a number; anything else as it is."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.4g}"
    return str(value)
