"""The one exception for input that cannot be used."""


class InputError(ValueError):
    """Bad data or configuration.

    The message is one line: what is wrong, where (file or key), and what is accepted. Whoever runs
    a command or a job prints the line as it stands, without a traceback, and exits with status 1.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
