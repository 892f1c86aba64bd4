"""What sets one trained predictor apart from another, and what a restorer is told of the levels.

Ids are the user's choice: what a variant is follows from its parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from focusbench import methods as known_methods
from focusbench.report.results import Results
from focusbench.report.tables import plain

PAPERS = "delpnet"  # the paper's own network
NETWORKS = ("vgg16", "inception_v3", "resnet18", "mobilenet_v2", PAPERS)  # as in its Table 2
BASELINE = "logistic_features"
ORACLE = "oracle"
ONLY_BACKGROUND = ("depth_invariant", "blind")  # restorers that are told no levels but bg

BASE, OTHER = "base", "other"
KINDS = ("bg", "dropout", "batch_norm", "keras_momentum", "side", "poisson", "split")
"""Parameters that are compared on their own; a change of others beside one is named with it."""


class Variant(NamedTuple):
    """A trained predictor that is the `reference` but for some parameters."""

    method: str
    kind: str  # one of `KINDS`, `BASE` (no difference) or `OTHER` (none or several of `KINDS`)
    changes: Mapping[str, Any]  # parameter -> value, where it differs from the reference's
    bg: bool  # whether it knows patches that show nothing as a class of their own

    @property
    def words(self) -> str:
        """What differs; nothing for the reference itself."""
        return ", ".join(words(key, value) for key, value in self.changes.items())

    @property
    def label(self) -> str:
        """What differs, and its id."""
        return f"{self.words} ({self.method})" if self.changes else self.method


def variants(
    methods: Sequence[str], results: Results, settings: Mapping[str, Any]
) -> list[Variant]:
    """Find those of the trained `methods` that are DelpNet, their `reference` first.

    Parameters
    ----------
    results
        Whose weights tell of a method of one's own which network it is.
    settings
        `methods`: id -> parameters; those left out have their defaults.
    """
    known = _delpnets(methods, results, settings)
    first = reference(methods, results, settings)
    base = known.get(first) or base_parameters(settings)
    found = []
    for method, own in known.items():
        changes = _changes(own, base)
        kinds = [key for key in KINDS if key in changes]
        kind = kinds[0] if len(kinds) == 1 else OTHER if changes else BASE
        ordered = {key: changes[key] for key in (*kinds, *changes) if key in changes}
        found.append(Variant(method, kind, ordered, bool(own["bg"])))
    return sorted(found, key=lambda one: one.method != first)


def reference(methods: Sequence[str], results: Results, settings: Mapping[str, Any]) -> str:
    """Id of the DelpNet that ablations are compared with.

    It is `delpnet`, unless more of them differ in just one parameter from another, such as one that
    was trained as briefly as they were.
    """
    known = _delpnets(methods, results, settings)

    def alike(one: str) -> int:
        changed = (_changes(own, known[one]) for own in known.values())
        return sum(len(changes) == 1 and set(changes) <= set(KINDS) for changes in changed)

    return max(known, key=lambda one: (alike(one), one == PAPERS), default=PAPERS)


def _delpnets(
    methods: Sequence[str], results: Results, settings: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """All parameters of those of the trained methods that are DelpNet."""
    told, defaults = settings.get("methods") or {}, _defaults()
    return {
        method: {**defaults, **(told.get(method) or {})}
        for method in methods
        if network(method, results) == PAPERS
    }


def _changes(own: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that differ, with their own values."""
    changes = {key: own[key] for key in own if not _same(own[key], base.get(key))}
    if not own["batch_norm"] and "batch_norm" in changes:  # nothing is left to have a momentum
        changes.pop("keras_momentum", None)
    return changes


def network(method: str, results: Results) -> str | None:
    """Which predictor a trained method is; None: nothing tells."""
    if method in (*NETWORKS, BASELINE):
        return method
    return (results.description(method) or {}).get("method")


def by_image(parameters: Mapping[str, Any] | None) -> bool:
    """Whether a predictor learns from the split by image."""
    return (parameters or {}).get("split", "field") == "image"


def predictor(method: str, settings: Mapping[str, Any]) -> str | None:
    """Id of the predictor that tells a restorer its levels, `ORACLE`, or None: nobody.

    Where its own parameters do not name one, it is that of the method that it uses. A restorer of
    one's own has none but what it names.

    Parameters
    ----------
    settings
        `methods`: id -> parameters; `predictors`: id -> who tells it, of methods that a report is
        of, with what they inherit.
    """
    own = (settings.get("methods") or {}).get(method) or {}
    if "predictor" in own:
        return own["predictor"]
    inherited = settings.get("predictors") or {}
    if method in inherited:
        return inherited[method]
    entry = known_methods.TABLE.get(method)
    return None if entry is None else entry.predictor


def levels_from(method: str, settings: Mapping[str, Any]) -> str | None:
    """Say who tells a restorer the levels of the patches; `settings` as for `predictor`.

    Returns
    -------
    str or None
        Id of a predictor; `ORACLE`; "level 16": the same for all patches; None: nobody.
    """
    own = (settings.get("methods") or {}).get(method) or {}
    if own.get("level") is not None:
        return f"level {own['level']:g}"
    return None if "command" in own else predictor(method, settings)


def predictors(sources: Iterable[str | None]) -> list[str]:
    """Those of `levels_from` that are predictors."""
    return [one for one in sources if one and one != ORACLE and not one.startswith("level ")]


def even_levels(sources: Iterable[str | None], step: float) -> list[str]:
    """Say of those of `levels_from` that are one level for all how deep that is; `step` in um."""
    told = sorted({one for one in sources if one and one.startswith("level ")})
    if not told:
        return []
    texts = [f"{one} ({step * float(one.split()[1]):g} µm)" for one in told]
    return [f"Told the same for every patch, whatever a predictor says: {', '.join(texts)}."]


def base_parameters(settings: Mapping[str, Any], method: str = PAPERS) -> dict[str, Any]:
    """All parameters of a DelpNet: those that the configuration sets, and defaults."""
    return {**_defaults(), **((settings.get("methods") or {}).get(method) or {})}


def _defaults() -> dict[str, Any]:
    """Of all parameters of DelpNet."""
    from dataclasses import fields

    from focusbench.methods.delpnet import Delpnet

    return {"split": "field", **{field.name: field.default for field in fields(Delpnet)}}


def _same(one: Any, other: Any) -> bool:
    return plain(_listed(one)) == plain(_listed(other))


def _listed(value: Any) -> Any:
    """The same value, from a configuration (lists, 0) or of a default (tuples, 0.0)."""
    if isinstance(value, list | tuple):
        return [_listed(part) for part in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def words(key: str, value: Any) -> str:
    """Say what value a parameter has."""
    if key == "bg":
        return "with bg" if value else "without bg"
    if key == "dropout":
        return f"dropout {value:g}" if value else "without dropout"
    if key == "batch_norm":
        return "with batch normalisation" if value else "without batch normalisation"
    if key == "keras_momentum":
        return f"momentum {value:.2f}"
    if key == "side":
        return f"patches of {value:g} x {value:g}"
    if key == "poisson":
        if not value:
            return "no shot noise in training"
        return f"shot noise on {value:.0%} of the training patches".replace("%", " %")
    if key == "split":
        return f"split by {value}"
    return f"{key} {plain(value)}"
