"""What a finished run left on disk, read for tables and figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusbench import paths
from focusbench.errors import InputError
from focusbench.paths import Restored
from focusbench.tracks import TABLE, stage

if TYPE_CHECKING:
    from pandas import DataFrame

    from focusbench.images import Volume
    from focusbench.problem import Weights

# What a score file says beside its metrics: which data and which code made it (content hashes)
ORIGINS = ("observed_sha256", "truth_sha256", "restoration_code", "score_code")


class Results:
    """Restorations of one track and what is known of them. Nothing is read before it is asked for.

    Parameters
    ----------
    track
        Its id.
    items
        The restorations, in the order that tables and figures are to keep.
    root
        Folder that holds `results`.
    settings
        Settings of the run, for whoever wants them beside the results.
    timed
        The restorations whose cost was measured; None: all of `items`.
    trainings
        (method, training id) of the models that were trained for them.
    judged
        (predictor, training id) of those that were judged.
    """

    def __init__(
        self,
        track: str,
        items: Sequence[Restored],
        root: str | Path = ".",
        settings: Mapping[str, Any] | None = None,
        *,
        timed: Sequence[Restored] | None = None,
        trainings: Sequence[Sequence[str]] = (),
        judged: Sequence[Sequence[str]] = (),
    ) -> None:
        self.track = track
        self.items = [Restored(*item) for item in items]
        self.root = Path(root)
        self.settings = dict(settings or {})
        self.timed = self.items if timed is None else [Restored(*item) for item in timed]
        self.trained = [(method, training) for method, training in trainings]
        self.judged = [(method, training) for method, training in judged]

    @property
    def samples(self) -> list[str]:
        """Ids, each once, in the order of the items; the next three likewise."""
        return list(dict.fromkeys(item.sample for item in self.items))

    @property
    def degradations(self) -> list[str]:
        """Ids of the degradations."""
        return list(dict.fromkeys(item.degradation for item in self.items))

    @property
    def methods(self) -> list[str]:
        """Ids of the methods."""
        return list(dict.fromkeys(item.method for item in self.items))

    def find(self, sample: str, degradation: str, method: str) -> Restored | None:
        """Return the item of that method with the first of its seeds; None: it was not run."""
        for item in self.items:
            if (item.sample, item.degradation, item.method) == (sample, degradation, method):
                return item
        return None

    def scores(self) -> DataFrame:
        """One row per item: its ids, `repeatable`, `ORIGINS`, and its metrics.

        What was not scored is NaN.

        Raises
        ------
        InputError
            A score file is missing or is not what this package writes.
        """
        import pandas

        rows = []
        for item in self.items:
            path = paths.score(self.track, item)
            content = self._json(path)
            if not isinstance(content.get("metrics"), Mapping):
                raise InputError(f"{path}: holds no metrics; a score file is accepted")
            rows.append(
                {
                    **item._asdict(),
                    "repeatable": bool(content.get("repeatable", True)),
                    **{key: content.get(key) for key in ORIGINS},
                    **{key: _number(value, path) for key, value in content["metrics"].items()},
                }
            )
        return pandas.DataFrame(rows)

    def details(self, item: Restored) -> dict[str, Any]:
        """What a score says of single parts of a restoration, such as its patches; may be empty.

        Raises
        ------
        InputError
            The score file is missing or is not JSON.
        """
        return self._json(paths.score(self.track, item)).get("details") or {}

    def accuracy(self) -> DataFrame:
        """One row a judged patch: `method`, `seed`, and the columns of the track's `accuracy.read`.

        Raises
        ------
        InputError
            A file is missing or is not what this package writes.
        """
        import pandas

        read = stage(self.track, "accuracy").read
        tables = []
        for method, training in self.judged:
            table = read(self.root / paths.accuracy(self.track, method, training))
            table.insert(0, "seed", int(training.rpartition("seed")[2]))
            table.insert(0, "method", method)
            tables.append(table)
        return pandas.concat(tables, ignore_index=True) if tables else pandas.DataFrame()

    def levels(self, predictor: str, sample: str, degradation: str, seed: int = 0) -> Any:
        """Levels that a predictor told of an observation; None: it was not asked."""
        path = self.root / paths.levels(self.track, sample, degradation, predictor, seed)
        return stage(self.track, "levels").read(path) if path.is_file() else None

    def predictor_timings(self) -> dict[str, dict[str, Any]]:
        """Patches a second of each predictor, and how that was measured; empty: not measured."""
        folder = self.root / Path(paths.predictor_timing(self.track, 0)).parent
        found = sorted(folder.glob("predictors-seed*.json"))
        return self._json(str(found[0].relative_to(self.root))) if found else {}

    def network_times(self) -> dict[str, Any]:
        """What the track's `network_times.measure` found; empty: not measured."""
        path = paths.network_times(self.track)
        return self._json(path) if (self.root / path).is_file() else {}

    def timings(self) -> DataFrame:
        """One row per timed item: its ids and what its timing file says, plus `cpu_seconds`.

        Raises
        ------
        InputError
            A timing file is missing or is not JSON.
        """
        import pandas

        rows = []
        for item in self.timed:
            content = self._json(paths.timing(self.track, item))
            per_step = content.get("cpu_seconds_per_step")
            if "cpu_seconds" not in content and per_step is not None:
                content["cpu_seconds"] = per_step * max(content.get("steps") or 1, 1)
            rows.append({**item._asdict(), **content})
        return pandas.DataFrame(rows)

    def trainings(self) -> DataFrame:
        """One row per trained model: `method`, `training`, and what its record says.

        Raises
        ------
        InputError
            A record is missing or is not JSON.
        """
        import pandas

        rows = [
            {
                "method": method,
                "training": training,
                **self._json(paths.model_record(self.track, method, training)),
            }
            for method, training in self.trained
        ]
        return pandas.DataFrame(rows)

    def training_trace(self, method: str) -> DataFrame | None:
        """How a method's first training went; None: it was not trained for these items.

        Columns step, loss, psnr (dB, of the validation sample; NaN where it was not looked at), and
        `seconds` and `cpu_seconds` from the start.

        Raises
        ------
        InputError
            A file is missing or is not what this package writes.
        """
        import pandas

        known = [training for one, training in self.trained if one == method]
        if not known:
            return None
        table = self._trace(paths.model_trace(self.track, method, known[0]))
        spent = self._json(paths.model_record(self.track, method, known[0]))["trace_seconds"]
        columns = pandas.DataFrame(spent, columns=["seconds", "cpu_seconds"])
        return pandas.concat([table, columns], axis=1)

    def training_truths(self) -> list[tuple[str, str]]:
        """(role, sample) of what the track's trainings learn from and choose with."""
        learns = self.settings.get("track", {}).get("training") or {}
        return [(role, name) for role in ("samples", "validation") for name in learns.get(role, [])]

    def weights(self, method: str, sample: str | None = None) -> Weights | None:
        """Trained weights of a method, of its first seed; None: it was not trained for these items.

        Where a method was trained on recordings too, those weights are what recordings, and only
        recordings, were restored with: `sample` says which are meant.

        Raises
        ------
        InputError
            The file is missing or damaged.
        """
        from focusbench.training.weights import load_weights

        path = self._model(method, sample)
        return None if path is None else load_weights(path)

    def description(self, method: str, sample: str | None = None) -> dict[str, Any] | None:
        """What the file of a method's weights says of them; as `weights`, without the tensors."""
        from focusbench.training.weights import read_description

        path = self._model(method, sample)
        return None if path is None else read_description(path)

    def _model(self, method: str, sample: str | None) -> Path | None:
        of_recording = self.settings.get("sources", {}).get(sample) == TABLE[self.track].own
        known = [training for one, training in self.trained if one == method]
        known.sort(key=lambda one: one.startswith(TABLE[self.track].recorded) != of_recording)
        if not known:
            return None
        return self.root / paths.model(self.track, method, known[0])

    def record(self, item: Restored) -> dict[str, Any]:
        """Cost and provenance of a restoration.

        Raises
        ------
        InputError
            The file is missing or is not JSON.
        """
        return self._json(paths.record(self.track, item))

    def observation_record(self, sample: str, degradation: str) -> dict[str, Any]:
        """How an observation was made: its noise, and what a method may know of it.

        Raises
        ------
        InputError
            The file is missing or is not JSON.
        """
        return self._json(paths.observation_record(self.track, sample, degradation))

    def trace(self, item: Restored) -> DataFrame:
        """Columns step, loss, psnr (dB; NaN without a truth); no rows for a method without steps.

        Raises
        ------
        InputError
            The file is missing or has other columns.
        """
        return self._trace(paths.trace(self.track, item))

    def _trace(self, name: str) -> DataFrame:
        import pandas

        path = self.root / name
        if not path.is_file():
            raise InputError(f"{path}: there is no such file; run what makes it first")
        try:
            table = pandas.read_csv(path, dtype={"loss": float, "psnr": float})
        except ValueError as error:
            raise InputError(f"{path}: {error}; a trace with step, loss, psnr accepted") from None
        if list(table.columns) != ["step", "loss", "psnr"]:
            raise InputError(f"{path}: columns {list(table.columns)}; step, loss, psnr accepted")
        return table

    def truth(self, sample: str) -> Volume | None:
        """Prepared ground truth; None where none is known."""
        path = paths.truth(self.track, sample)
        return self._volume(path) if (self.root / path).is_file() else None

    def observed(self, sample: str, degradation: str) -> Volume:
        """What the methods saw."""
        return self._volume(paths.observed(self.track, sample, degradation))

    def restored(self, item: Restored) -> Volume:
        """What a method made of it."""
        return self._volume(paths.restored(self.track, item))

    def _volume(self, path: str) -> Volume:
        from focusbench.images import read_volume

        return read_volume(self.root / path, TABLE[self.track].axes)

    def _json(self, path: str) -> dict[str, Any]:
        file = self.root / path
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"{file}: there is no such file; run what makes it first") from None
        except (ValueError, OSError) as error:
            raise InputError(f"{file}: cannot be read as JSON: {error}") from None
        if not isinstance(content, dict):
            raise InputError(f"{file}: holds {type(content).__name__}; a JSON object is accepted")
        return content


def _number(value: Any, path: str) -> float:
    """JSON has no infinity: it stands there as text. None: not a number."""
    if value is None:
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{path}: metric {value!r} is no number") from None
