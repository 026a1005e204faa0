"""What stands in the way of an instance, besides the API server's own refusals."""


class NameTakenError(Exception):
    """An object of the instance's name is there, and can't be used; the message says which and what to do."""
