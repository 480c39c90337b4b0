"""The errors of the DMS API, by the names AWS gives them."""


class DmsError(Exception):
    """An error answer: `code` is what boto3 shows as Error.Code."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def not_found(message: str) -> DmsError:
    return DmsError("ResourceNotFoundFault", message)


def exists(message: str) -> DmsError:
    return DmsError("ResourceAlreadyExistsFault", message)


def invalid_state(message: str) -> DmsError:
    return DmsError("InvalidResourceStateFault", message)


def invalid_value(message: str) -> DmsError:
    return DmsError("InvalidParameterValueException", message)


def invalid_combination(message: str) -> DmsError:
    return DmsError("InvalidParameterCombinationException", message)


def access_denied(message: str) -> DmsError:
    return DmsError("AccessDeniedFault", message)
