"""What a user can put right."""


class WatchError(ValueError):
    """A model, a script or a file that cannot be watched; the message is one clear line."""
