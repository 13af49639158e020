"""Places in the backlog: each is held by an accepted message until it is final."""


class Places:
    """So many places as `limit` says, and how many of them are taken."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0

    def reserve(self) -> bool:
        """Take a place; False if there is none."""
        if self.taken >= self.limit:
            return False
        self.taken += 1
        return True

    def take(self, number: int = 1) -> None:
        """Take places for what was accepted before, however many are taken."""
        self.taken += number

    def release(self, number: int = 1) -> None:
        """Give places back."""
        self.taken -= number
