"""The home of BBBC006: https://bbbc.broadinstitute.org/BBBC006.

Apart from `bbbc006`: what a field is does not depend on how it was downloaded. The home publishes
neither sizes nor checksums of its archives: the server is asked for a size, and the checksum is
recorded at the first download and enforced after.
"""

from __future__ import annotations

import os
import re
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from focusbench.data import bbbc006, bbbc006_names, checksums, download
from focusbench.errors import InputError

HOME = "https://data.broadinstitute.org/bbbc/BBBC006"
VARIABLE = "FOCUSBENCH_BBBC006_URL"
MEMBERS = "mcf-z-stacks"  # in the name of every image


def get(path: str | Path, *, timeout: float = 30.0, attempts: int = 5, pause: float = 1.0) -> str:
    """Download the archive of a plane, or check the one that is there; return its SHA-256.

    Parameters
    ----------
    path
        Where it is to be; the name is its home's, such as ``BBBC006_v1_images_z_16.zip``. The
        environment variable FOCUSBENCH_BBBC006_URL names a mirror with the same files.
    timeout, attempts, pause
        As `download.fetch`.

    Raises
    ------
    InputError
        No archive has this name, it cannot be had (`download.fetch`), or what came is no archive of
        this plane (it is removed then, and its record).
    """
    path = Path(path)
    told = bbbc006_names.ARCHIVE.fullmatch(path.name)
    if told is None or int(told["plane"]) not in bbbc006.PLANES:
        raise InputError(
            f"{path.name}: is no archive of BBBC006; known: {bbbc006.archive_name(0)} to "
            f"{bbbc006.archive_name(bbbc006.PLANES[-1])}"
        )
    advice = f"or get {path.name} elsewhere and set {bbbc006.KEY} to the folder that holds it"
    url = f"{(os.environ.get(VARIABLE) or HOME).rstrip('/')}/{path.name}"
    there = path.exists()
    size = path.stat().st_size if there else length(url, timeout, attempts, pause, advice)
    digest = download.fetch(
        url, path, size, advice=advice, timeout=timeout, attempts=attempts, pause=pause
    )
    try:
        _check(path)
    except InputError:
        if not there:
            path.unlink()
            checksums.record_path(path).unlink(missing_ok=True)
        raise
    return digest


def length(url: str, timeout: float, attempts: int, pause: float, advice: str = "") -> int:
    """Bytes of a file, as its server tells, without downloading it.

    Raises
    ------
    InputError
        The server cannot be reached, has no such file, or does not tell.
    """
    # a GET of one byte: not every server, or proxy on the way, answers HEAD
    headers = {"User-Agent": "focusbench", "Accept-Encoding": "identity", "Range": "bytes=0-0"}
    wish = f"; {advice}" if advice else ""
    if not url.startswith(("http://", "https://")):
        raise InputError(f"{url}: is no address to download from; http and https are accepted")
    for left in reversed(range(attempts)):
        request = urllib.request.Request(url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                told = response.headers.get("Content-Length", "")
                if response.status == 206:
                    found = re.fullmatch(
                        r"bytes 0-0/(\d+)", response.headers.get("Content-Range", "")
                    )
                    told = found[1] if found else ""
                if told.isdecimal() and int(told):
                    return int(told)
                what = "the server does not tell how many bytes it has"
        except urllib.error.HTTPError as error:
            error.close()
            what = f"the server answers {error.code} {error.reason}"
            if error.code not in (408, 425, 429) and error.code < 500:
                left = 0
        except download.NETWORK as error:
            reason = getattr(error, "reason", error)
            what = str(getattr(reason, "strerror", None) or reason or type(error).__name__)
        if left == 0:
            break
        time.sleep(pause)
    raise InputError(f"{url}: cannot be downloaded: {what}{wish}")


def _check(path: Path) -> None:
    """Refuse what is no archive of images, such as a proxy's page."""
    try:
        with zipfile.ZipFile(path) as archive:
            if any(MEMBERS in name for name in archive.namelist()):
                return
            what = "holds no image of BBBC006"
    except zipfile.BadZipFile as error:
        what = f"is truncated, damaged or no zip archive ({error})"
    raise InputError(f"{path}: {what}; the archive of a plane was wanted")
