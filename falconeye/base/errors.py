"""The exception tree.

FalconEyeError                a person can read `str(error)`; it never holds a credential
├── InvalidInput              what was given is wrong (422)
├── BadRequest                makes no sense in the present state (400)
├── NotAuthenticated          who are you? (401)
├── NotAllowed                known, but not allowed (403)
│   └── ConfirmationNeeded    allowed once the password was shown again (403)
├── NotFound                  no such camera, recording, user … (404)
├── Conflict                  clashes with what is there (409)
├── TooManyAttempts           wait `retry_after_s` (429)
├── Unavailable               cannot be had now: camera off, disk gone (503)
└── StartError                the node cannot start; `exit_code` for the shell
"""

from typing import ClassVar


class FalconEyeError(Exception):
    """Root of all errors that FalconEye raises on purpose."""

    status: ClassVar[int] = 500
    stable_code: ClassVar[str] = ""  # for programs that can do something about it themselves


class InvalidInput(FalconEyeError):
    """What was given is wrong; `field` names the form field where there is one."""

    status = 422

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field


class BadRequest(FalconEyeError):
    """The request makes no sense in the present state (api.md's 400)."""

    status = 400


class NotAuthenticated(FalconEyeError):
    """Nobody, or nobody any more."""

    status = 401


class NotAllowed(FalconEyeError):
    """Known, but this role or scope may not."""

    status = 403


class ConfirmationNeeded(NotAllowed):
    """Who asks may, once the password was shown again."""

    stable_code = "confirm_password"


class NotFound(FalconEyeError):
    """There is no such thing."""

    status = 404


class Conflict(FalconEyeError):
    """It clashes with what is there."""

    status = 409


class TooManyAttempts(FalconEyeError):
    """Too many tries; wait."""

    status = 429

    def __init__(self, detail: str, *, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(FalconEyeError):
    """It exists but cannot be had now."""

    status = 503


class StartError(FalconEyeError):
    """The node cannot start: the port is taken, the directory is read-only, …."""

    def __init__(self, detail: str, *, exit_code: int = 4) -> None:
        super().__init__(detail)
        self.exit_code = exit_code
