"""What a user can put right."""


class PredictError(ValueError):
    """An argument that no prediction can be made from; the message says which and why."""
