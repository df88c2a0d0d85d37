"""The exception for everything that a user can correct."""


class StudyError(ValueError):
    """A study cannot work with the data, settings or a file; the message is one clear line."""
