"""Download of one large file over a bad line: whole and checked, or not at all.

What has come is kept under a `.part` name and continued by the next attempt, or by the next process
after a kill, with HTTP ranges (RFC 9110, section 14). Headers of the server are hints, never proof:
bytes are counted, and the checksum decides where one is known. Memory is bounded by `CHUNK`.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from focusbench.data import checksums
from focusbench.errors import InputError
from focusbench.files import sha256, write_json

CHUNK = 1 << 20  # bytes that are held at once
SLOWEST = 1024  # bytes a second; a line that gives less over the whole timeout is taken as dead
LINE_SECONDS = 10.0  # between two lines of progress
LONGEST_PAUSE = 60.0  # seconds
NETWORK = (OSError, http.client.HTTPException)  # URLError and timeouts are OSErrors


class _Again(Exception):
    """An attempt failed in a way that the next one may not; `pause`: what the server asks for."""

    def __init__(self, what: str, pause: float = 0.0) -> None:
        super().__init__(what)
        self.pause = pause


class _Refused(Exception):
    """No further attempt would help."""


def fetch(
    url: str,
    path: str | Path,
    size: int,
    known: str | None = None,
    *,
    advice: str = "",
    timeout: float = 30.0,
    attempts: int = 5,
    pause: float = 1.0,
) -> str:
    """Download a file, or check the one that is there.

    A file comes under its own name only when it is complete, has `size` bytes, and has the checksum
    that is `known` or was recorded at its first download (see `focusbench.data.checksums`). One
    process at a time works on a file; others wait. Progress goes to standard error.

    Parameters
    ----------
    url
        `http` or `https`; redirects are followed, but not from https to http.
    path
        Where the file is to be.
    size
        Its bytes.
    known
        Its SHA-256; None: recorded at the first download and enforced after.
    advice
        Ends the line of every error: what else one can do.
    timeout
        Seconds without an answer, or without more than a trickle of bytes.
    attempts
        Attempts that may fail one after another; one that brings the file on by a hundredth (within
        as many) starts the count anew.
    pause
        Seconds before the second attempt; doubled for each that follows.

    Returns
    -------
    str
        SHA-256 of the file.

    Raises
    ------
    InputError
        It cannot be had, or is not the file that was wanted. Nothing is under `path` then that was
        not there before.
    """
    path = Path(path)
    if not url.startswith(("http://", "https://")):
        raise InputError(f"{url}: is no address to download from; http and https are accepted")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        if path.exists():
            if path.stat().st_size != size:
                raise InputError(
                    f"{path}: has {path.stat().st_size} bytes, not {size}; delete it to download it"
                )
            digest = checksums.check(path, known) or sha256(path)
            if checksums.recorded(path) is None:
                checksums.record(path, url, size, digest)
            _Part(path, url).drop()
            return digest
        download = _Download(url, path, size, known, timeout)
        try:
            digest = _repeated(download, attempts, pause)
        except (_Again, _Refused) as error:
            kept = "; what has come is kept for the next time" if download.part.length else ""
            wish = f"; {advice}" if advice else ""
            raise InputError(f"{url}: cannot be downloaded: {error}{kept}{wish}") from None
        except OSError as error:  # those of the network were dealt with
            raise InputError(f"{path}: cannot be written: {_told(error)}") from None
        _say(path, f"complete, sha256 {digest}")
        return digest


def _repeated(download: _Download, attempts: int, pause: float) -> str:
    """Attempt until the file has its name; give up when nothing moves any more."""
    failed, mark = 0, download.reached
    while True:
        try:
            return download.attempt()
        except _Again as again:
            failed += 1
            if download.reached - mark >= max(1, download.size // 100):
                failed, mark = 0, download.reached
            if failed >= attempts:
                raise
            wait = min(max(pause * 2 ** max(failed - 1, 0), again.pause), LONGEST_PAUSE)
            _say(download.path, f"{again}; next attempt in {wait:.0f} s")
            time.sleep(wait)


class _Download:
    """One file on its way; `reached`: the most bytes that it ever had."""

    def __init__(self, url: str, path: Path, size: int, known: str | None, timeout: float) -> None:
        self.url, self.path, self.size = url, path, size
        self.expected = known or checksums.recorded(path)
        self._source = "known" if known else f"recorded in {checksums.record_path(path)}"
        self.part = _Part(path, url)
        self.reached = min(self.part.length, size)
        self._timeout = timeout
        self._ranges = True  # whether this server's ranges are believed
        self._glued = True  # whether the part came in more than one piece, or may have
        self._seen: set[str] = set()  # what was wrong with answers that came in one piece
        self._opener = urllib.request.build_opener(_Redirects)

    def attempt(self) -> str:
        """Fetch what is missing, check the whole and give it its name; return its SHA-256."""
        start = self._resumable()
        free = shutil.disk_usage(self.path.parent).free
        if free < self.size - start:
            raise _Refused(f"is {self.size} bytes long, and {free} are free in {self.path.parent}")
        if start < self.size:
            with self._open(start) as response:
                self._receive(response, start)
        digest = sha256(self.part.path)
        if self.expected and digest != self.expected:
            self._disbelieve(f"it has sha256 {digest}; {self.expected} is {self._source}")
        # the record first: a file is never without it
        checksums.record(self.path, self.url, self.size, digest)
        self.part.publish(self.path)
        return digest

    def _resumable(self) -> int:
        """Bytes of the part that can be kept."""
        length = self.part.length
        if length > self.size or not self.part.of_this_address:
            return 0
        if length == self.size:
            return length
        # without a sign of the file's state only a checksum tells whether the pieces fit
        return length if self._ranges and (self.part.validator or self.expected) else 0

    def _open(self, start: int) -> http.client.HTTPResponse:
        headers = {"User-Agent": "focusbench", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if self.part.validator:
                headers["If-Range"] = self.part.validator
        request = urllib.request.Request(self.url, headers=headers)
        try:
            return self._opener.open(request, timeout=self._timeout)
        except urllib.error.HTTPError as error:
            error.close()
            what = f"the server answers {error.code} {error.reason}"
            if error.code == 416:
                self.part.drop()
            elif error.code not in (408, 425, 429) and error.code < 500:
                raise _Refused(what) from None
            asked = error.headers.get("Retry-After", "")
            raise _Again(what, float(asked) if asked.isdecimal() else 0.0) from None
        except (*NETWORK, ValueError) as error:  # ValueError: redirected to no proper address
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise _Refused(f"the server's certificate is not accepted: {reason}") from None
            raise _Again(_told(reason)) from None

    def _receive(self, response: http.client.HTTPResponse, start: int) -> None:
        """Append an answer to the part (to its beginning, if the answer is the whole file)."""
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _Again(f"the answer is encoded ({response.headers['Content-Encoding']})")
        if response.status == 206 and start:
            self._check_range(response, start)
            self._glued = True
        elif response.status == 200:
            told = response.headers.get("Content-Length", str(self.size))
            if start and told != str(self.size):  # some page of a proxy: the part is worth more
                raise _Again(f"the server offers {told} bytes, not {self.size}")
            start, self._glued = 0, False
            self.part.begin(response.headers)
        else:
            self._ranges = False
            raise _Again(f"the server answers {response.status} {response.reason}")
        length, show = start, _Progress(self.path, self.size, start)
        end = _End(self._timeout)
        with open(self.part.path, "ab", buffering=0) as file:
            for chunk in end.chunks(response):
                if length + len(chunk) > self.size:
                    self._disbelieve(f"the server sends more than {self.size} bytes")
                rest = memoryview(chunk)
                while rest:
                    rest = rest[file.write(rest) :]
                length += len(chunk)
                self.reached = max(self.reached, length)
                show(length)
            os.fsync(file.fileno())
        if length < self.size:
            what = f"{length} of {self.size} bytes came{end.why}"
            told = response.headers.get("Content-Length")
            if start == 0 and told == str(length):  # not cut off: it believes that this is all
                self._twice(what)
            raise _Again(what)

    def _check_range(self, response: http.client.HTTPResponse, start: int) -> None:
        """Refuse a piece that is not the one asked for, or of another state of the file."""
        told = response.headers.get("Content-Range", "")
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", told)
        same = self.part.same_state(response.headers)
        if found and int(found[1]) == start and found[2] in ("*", str(self.size)) and same:
            return
        self._ranges = False
        what = f"sends the range {told!r}" if same else "has another file by now"
        raise _Again(f"asked for the bytes from {start} on, the server {what}")

    def _disbelieve(self, what: str) -> None:
        """Drop what came; it is final if it was wrong in the same way in one piece before."""
        self.part.drop()
        if self._glued:
            self._ranges = False
            raise _Again(what)
        self._twice(what)

    def _twice(self, what: str) -> None:
        if what in self._seen:
            raise _Refused(f"{what}, twice")
        self._seen.add(what)
        raise _Again(what)


class _End:
    """Hands out bytes as they come; `why` tells how they ended.

    An end is no error by itself: what counts is how many came before. A server that announced too
    many has sent all the same what is wanted.
    """

    def __init__(self, timeout: float) -> None:
        self.why = ""
        self._timeout = timeout

    def chunks(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        began, came = time.monotonic(), 0
        while True:
            try:
                chunk = response.read1(CHUNK)
            except TimeoutError:
                self.why = f", then nothing for {self._timeout:g} s"
                return
            except NETWORK as error:
                self.why = f" ({_told(error)})"
                return
            if not chunk:
                return
            yield chunk
            came += len(chunk)
            now = time.monotonic()
            if now - began > self._timeout:
                if came < SLOWEST * (now - began):
                    self.why = f", no more than {came} of them within {now - began:.0f} s"
                    return
                began, came = now, 0


class _Part:
    """What has come so far, and to which state of the file at its home it belongs."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path.with_name(f"{path.name}.part")
        self._about = path.with_name(f"{path.name}.part.json")
        self._url = url

    @property
    def length(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def of_this_address(self) -> bool:
        return self._told().get("url") == self._url

    @property
    def validator(self) -> str | None:
        """What If-Range may hold: a weak ETag may not (RFC 9110, 13.1.5)."""
        told = self._told()
        etag = told.get("etag")
        return etag if etag and not etag.startswith("W/") else told.get("last_modified")

    def same_state(self, headers: Any) -> bool:
        """Whether an answer belongs to the same state of the file, as far as it tells."""
        told, now = self._told(), _state(headers)
        for key in ("etag", "last_modified"):  # the stronger sign first
            if told.get(key) and now[key]:
                return told[key] == now[key]
        return True

    def begin(self, headers: Any) -> None:
        """Start anew."""
        self.path.write_bytes(b"")  # before the state is told: never old bytes with a new state
        write_json(self._about, {"url": self._url, **_state(headers)})

    def drop(self) -> None:
        """Forget all that came."""
        self.path.unlink(missing_ok=True)
        self._about.unlink(missing_ok=True)

    def publish(self, path: Path) -> None:
        """Give it its name."""
        os.replace(self.path, path)
        self._about.unlink(missing_ok=True)

    def _told(self) -> dict[str, Any]:
        try:
            told = json.loads(self._about.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}


def _state(headers: Any) -> dict[str, str | None]:
    return {"etag": headers.get("ETag"), "last_modified": headers.get("Last-Modified")}


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to addresses that are as safe as the first."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        accepted = ("https://",) if req.full_url.startswith("https://") else ("https://", "http://")
        if not newurl.startswith(accepted):
            raise _Refused(f"the server redirects to {newurl}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Progress:
    """A line at the start and now and then."""

    def __init__(self, path: Path, size: int, start: int) -> None:
        self._path, self._size, self._start = path, size, start
        self._began = self._last = time.monotonic()
        from_where = f" from byte {start} on" if start else ""
        _say(path, f"downloading {size / 1e6:.1f} MB{from_where}")

    def __call__(self, length: int) -> None:
        now = time.monotonic()
        if now - self._last < LINE_SECONDS:
            return
        self._last = now
        rate = (length - self._start) / (now - self._began)
        _say(
            self._path,
            f"{length / 1e6:.1f} of {self._size / 1e6:.1f} MB, {rate / 1e6:.2f} MB/s, "
            f"{(self._size - length) / rate:.0f} s left",
        )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes from the same file; a kill gives it free (the lock is the kernel's)."""
    import fcntl

    lock = path.with_name(f"{path.name}.lock")
    while True:
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(path, "another process is downloading it; waiting")
            fcntl.flock(held, fcntl.LOCK_EX)
        if lock.exists() and os.path.samestat(os.fstat(held), lock.stat()):
            break
        os.close(held)  # whoever held it has removed it: it locks nothing any more
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(held)


def _told(error: Any) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _say(path: Path, text: str) -> None:
    print(f"{path.name}: {text}", file=sys.stderr, flush=True)
