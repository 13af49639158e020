"""What goes wrong with the service of a test."""


class Down(Exception):
    """The service is not running, and with it its store on disk; `restart()` brings both back."""


class Lost(AssertionError):
    """The service has lost a message that it had accepted."""


class NotAccepted(AssertionError):
    """The service answered a `send` or `send_batch` with something else than 202."""
