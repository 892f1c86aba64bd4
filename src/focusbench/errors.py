"""The one exception for input that cannot be used."""

import re

LONGEST = 1000  # characters of a word that a message shows


class InputError(ValueError):
    """Bad data or configuration.

    The message is one line: what is wrong, where (file or key), and what is accepted. Whoever runs
    a command or a job prints the line as it stands, without a traceback, and exits with status 1.
    What a terminal would obey rather than show is written as Python writes it, and words without
    end are cut: names and values in a message may be anybody's.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.split())
        line = re.sub(rf"(\S{{{LONGEST}}})\S+", r"\1...", line)
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in line))
