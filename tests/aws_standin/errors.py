"""An error as AWS answers it: its code, AWS's words, its HTTP status."""

from __future__ import annotations

#: Errors of every service, which stand in no operation's model, and their status.
#: Source: "Common error types" of each service's API reference.
COMMON_ERRORS = {
    "AccessDenied": 403,
    "AccessDeniedException": 403,
    "ExpiredToken": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignature": 400,
    "InternalFailure": 500,
    "InternalFailureException": 500,
    "InvalidClientTokenId": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "RequestExpired": 400,
    "SignatureDoesNotMatch": 403,
    "SerializationException": 400,
    "Throttling": 400,
    "ThrottlingException": 400,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
    "ServiceUnavailableException": 503,
    "ServiceUnavailable": 503,
}


class AwsError(Exception):
    """What an operation answers instead of its output. ``status`` only where it is not the model's."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class NotInTheModel(AssertionError):
    """The stand-in would answer something that AWS's own service model does not know."""


def not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message)


def invalid(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)
