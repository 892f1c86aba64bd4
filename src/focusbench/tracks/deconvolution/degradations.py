"""What the id of a degradation means."""

from __future__ import annotations

import re
from dataclasses import dataclass

from focusbench.errors import InputError

NOMINAL = "born_wolf"  # the model that methods are told of, whatever blurred the observation


@dataclass(frozen=True)
class Degradation:
    """PSF model that blurs, and average SNR of the noise (dB; None: no noise)."""

    psf_model: str = NOMINAL  # born_wolf, richards_wolf or offmodel
    snr_db: float | None = None


def parse(degradation: str) -> Degradation:
    """Read an id: `clean`, `snr20`, `richards_wolf_snr20`, `offmodel`, `offmodel_snr20`, ...

    Raises
    ------
    InputError
        The id is none of these.
    """
    pattern = r"(?:(richards_wolf|offmodel)_)?(?:clean|snr((?:0|[1-9][0-9]?)(?:\.[0-9]{1,3})?))"
    match = re.fullmatch(pattern, "offmodel_clean" if degradation == "offmodel" else degradation)
    if not match:
        raise InputError(
            f"unknown degradation {degradation!r}; accepted: clean, snr20 (average SNR in dB), "
            "offmodel, and clean or snr20 after richards_wolf_ or offmodel_"
        )
    return Degradation(match[1] or NOMINAL, None if match[2] is None else float(match[2]))
