"""A file's home on this computer: an honest HTTP server that can be told to misbehave.

`Home.faults` holds one fault for each request to come; when none is left the answer is honest. A
fault takes the honest `Answer` (and the request) and changes it, or returns another one.
"""

import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STAMP = "Mon, 01 Jan 2024 00:00:00 GMT"


@dataclass
class Answer:
    """What is sent: `body` up to `stop`, then `at_stop` is called and the connection ends."""

    status: int
    headers: dict
    body: bytes
    stop: int | None = None
    at_stop: object = None
    reset: bool = False


@dataclass
class Home:
    content: bytes
    etag: str | None = '"one"'
    stamp: str | None = STAMP
    faults: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    url: str = ""
    path: str = "/file.raw"

    def honest(self, request, ranges=True) -> Answer:
        headers = {"ETag": self.etag, "Last-Modified": self.stamp}
        headers = {key: value for key, value in headers.items() if value}
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        condition = request.headers.get("If-Range")
        if asked and ranges and condition in (None, self.etag, self.stamp):
            start, total = int(asked[1]), len(self.content)
            if start >= total:
                return Answer(416, {"Content-Range": f"bytes */{total}", "Content-Length": 0}, b"")
            body = self.content[start:]
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
            return Answer(206, {**headers, "Content-Length": len(body)}, body)
        return Answer(200, {**headers, "Content-Length": len(self.content)}, self.content)

    @property
    def ranges(self) -> list:
        """The Range header of every request; None: it asked for the whole file."""
        return [headers.get("Range") for _, headers in self.requests]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that went away is no error here."""


class running:
    """Serve a `Home` for the length of a with block."""

    def __init__(self, home):
        self.home = home

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                home.requests.append((self.path, dict(self.headers)))
                answer = home.honest(self)
                if home.faults:
                    answer = home.faults.pop(0)(answer, self) or answer
                elif self.path != home.path:
                    answer = Answer(404, {"Content-Length": 0}, b"")
                self.send_response(answer.status)
                for key, value in answer.headers.items():
                    self.send_header(key, str(value))
                self.end_headers()
                for start in range(0, len(answer.body[: answer.stop]), 65536):
                    self.wfile.write(answer.body[: answer.stop][start : start + 65536])
                if answer.at_stop:
                    answer.at_stop()
                if answer.reset:  # RST instead of FIN
                    self.connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                    self.connection.close()

            def log_message(self, *_):
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)
        home.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self.home

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
