"""The one kind of error that a user is shown as a line instead of a traceback."""

from grok_tui.text import one_line


class UserError(Exception):
    """What was asked for cannot be done; the message says what to do.

    It is one line of printable text, whatever a file or a library put into it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))
