"""The server's refusals, in the server's words."""

from rollkeeper.kube import errors
from rollkeeper.kube.resources import Resource
from tests.simulation.objects import group_resource


def not_found(resource: Resource, name: str) -> errors.NotFound:
    return errors.NotFound(404, "NotFound", f'{group_resource(resource)} "{name}" not found')


def already_exists(resource: Resource, name: str) -> errors.AlreadyExists:
    return errors.AlreadyExists(409, "AlreadyExists", f'{group_resource(resource)} "{name}" already exists')


def stale(resource: Resource, name: str) -> errors.Conflict:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {group_resource(resource)} "{name}": {why}'
    return errors.Conflict(409, "Conflict", message)


def wrong_uid(resource: Resource, name: str, wanted: str, found: str) -> errors.Conflict:
    why = f"the UID in the precondition ({wanted}) does not match the UID in record ({found})"
    return _failed_precondition(resource, name, f"{why}. The object might have been deleted and then recreated")


def wrong_version(resource: Resource, name: str, wanted: str, found: str) -> errors.Conflict:
    why = f"the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({found})"
    return _failed_precondition(resource, name, f"{why}. The object might have been modified")


def _failed_precondition(resource: Resource, name: str, why: str) -> errors.Conflict:
    message = f'Operation cannot be fulfilled on {_group_kind(resource)} "{name}": {why}'
    return errors.Conflict(409, "Conflict", message)


def invalid(resource: Resource, name: str, why: str) -> errors.Invalid:
    return errors.Invalid(422, "Invalid", f'{_group_kind(resource)} "{name}" is invalid: {why}')


def bad_request(message: str) -> errors.Invalid:
    return errors.Invalid(400, "BadRequest", message)


def forbidden(resource: Resource, name: str, why: str) -> errors.Forbidden:
    return errors.Forbidden(403, "Forbidden", f'{group_resource(resource)} "{name}" is forbidden: {why}')


def expired(wanted: int, oldest: int) -> errors.Gone:
    return errors.Gone(410, "Expired", f"too old resource version: {wanted} ({oldest})")


def no_subresource() -> errors.NotFound:
    return errors.NotFound(404, "NotFound", "the server could not find the requested resource")


def unsupported_patch() -> errors.ApiError:
    message = "the body of the request was in an unknown format - accepted media types include: "
    types = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    return errors.ApiError(415, "UnsupportedMediaType", message + types)


def _group_kind(resource: Resource) -> str:
    return f"{resource.kind}.{resource.group}" if resource.group else resource.kind
