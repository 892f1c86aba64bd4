"""Members of batches that a plan has jobs of their own for.

A workflow engine knows who made a job's outputs, and from what. Of a batch's members it knows
neither: where one is planned singly, as its method is batched no more or its file was asked for by
name, what is there stands to the engine, whatever it was made from. The member's own log knows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from focusbench import job_record, paths, plan
from focusbench.batch_journal import Journal, member_files, member_key
from focusbench.files import is_file, sha256
from focusbench.grids import Config
from focusbench.paths import Restored


class Singles:
    """Restorations that have jobs of their own, held against what batches have made.

    Files are read only where there has been a batch.

    Parameters
    ----------
    scripts
        Checksums of the scripts that make a restoration and its score, by name.
    """

    def __init__(self, config: Config, scripts: Mapping[str, str]) -> None:
        self._config = config
        self._scripts = scripts
        # by the journal of their batch; None: there has been none
        self._singles: dict[str, list[tuple[str, Restored]] | None] = {}

    def stale(self, track: str, item: Restored) -> list[str]:
        """Name the volume of a restoration that a batch made from something else than is wanted.

        Nothing is named where there is no such file, where it stands, and where a job of its own
        has made it since: the engine then knows from what.
        """
        ids = (track, item.sample, item.degradation)
        path, volume = paths.journal(*ids), paths.restored(track, item)
        if path not in self._singles:
            there = is_file(path) or is_file(paths.log(paths.batch(*ids)))
            self._singles[path] = [] if there else None
        singles = self._singles[path]
        if singles is None:
            return []
        if (track, item) not in singles:
            singles.append((track, item))
        known = job_record.batch_key(paths.log(volume)) if is_file(volume) else None
        return [] if known is None or known == self._key(track, item) else [volume]

    def adopt(self, since: float) -> None:
        """Record what jobs of their own have made since a time, so that no batch makes it again.

        With these parameters, that is: where both the restoration and its score are new, or were
        declared to be (`--touch`).
        """
        for path, singles in self._singles.items():
            found = {}
            for track, item in singles or []:
                files = member_files(track, item)
                if all(is_file(one) and os.stat(one).st_mtime >= since for one in files):
                    key = self._key(track, item)
                    # their jobs have just read them to tell the checksums
                    told = {one: job_record.recorded(one) or sha256(one) for one in files}
                    if key is not None:
                        found[item.stem] = (key, told)
            if found:
                Journal(path).take(found)

    def _key(self, track: str, item: Restored) -> str | None:
        """What it would be made under; None: a file that it is made from is not there."""
        what = plan.member_parameters(self._config, track, *item[:3])
        reads = plan.member_reads(self._config, track, item)
        try:
            return member_key(track, item, what, self._scripts, reads, plan.checksum)
        except OSError:
            return None
