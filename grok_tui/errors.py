"""The one kind of error that a user is shown as a line instead of a traceback."""


class UserError(Exception):
    """What was asked for cannot be done; the message is one line that says what to do."""
