"""What stands in the way of an instance, besides the API server's own refusals."""

from typing import ClassVar

from rollkeeper.engine.reasons import Failure


class ObstacleError(Exception):
    """Something is not as an instance needs it; the message says what to do."""

    reason: ClassVar[Failure]


class NameTakenError(ObstacleError):
    """An object of the instance's name is there, and can't be used; the message says which."""

    reason = Failure.NAME_TAKEN


class ScriptMissingError(ObstacleError):
    """A script that an instance is to run is not there."""

    reason = Failure.SCRIPT_MISSING


class GoldenClaimMissingError(ObstacleError):
    """The claim that a version is, is not there."""

    reason = Failure.GOLDEN_CLAIM_MISSING
