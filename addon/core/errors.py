"""What can go wrong, in the user's words: every message says what is wrong, where, and what to do about it."""


class ZygomaError(Exception):
    """Bad input or a place that cannot be written: one line for the user, never a traceback."""


class TableError(ZygomaError):
    """A table of Action Units that cannot be read, or not as asked."""


class PhotoError(ZygomaError):
    """A file that is not a usable photograph."""


class MovieError(ZygomaError):
    """A movie, or a folder of pictures, that cannot be read."""


class FaceError(ZygomaError):
    """No face, not the face asked for, or one whose landmarks cannot be trusted."""


class PackError(ZygomaError):
    """A generator pack that is missing, altered, unsafe or made for another vector."""


class OutputError(ZygomaError):
    """A place that frames cannot be written to."""
