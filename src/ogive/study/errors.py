"""The one exception for everything a user can put right."""


class StudyError(ValueError):
    """Data, settings or a file that a study cannot work with; the message is one clear line."""
