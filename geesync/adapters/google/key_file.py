"""A service account's key in a file that may be replaced while we run.

Imported late: google-auth takes longer to load than most commands need for all their work.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account

from geesync.errors import NotAllowedError
from geesync.logger import get_logger

log = get_logger()


class KeyFile(Credentials):
    """Credentials that read their file again for each token: a new key needs no restart.

    Raises NotAllowedError at the start if the file holds no key.
    """

    def __init__(self, path: Path, scopes: Sequence[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # google-auth says no types
        self._path = path
        self._scopes = scopes
        self._key = self._read()

    @property
    def service_account_email(self) -> str:
        """Whose key it is."""
        return str(self._key.service_account_email)

    def refresh(self, request: Any) -> None:
        """Ask for a token with the key that is in the file now."""
        try:
            self._key = self._read()
        except NotAllowedError as error:  # it may just be on its way; Google judges the old one
            log.warning("key_not_read", error=str(error))
        self._key.refresh(request)
        self.token, self.expiry = self._key.token, self._key.expiry

    def _read(self) -> Any:
        try:
            return service_account.Credentials.from_service_account_file(
                str(self._path), scopes=self._scopes
            )
        except (OSError, ValueError, GoogleAuthError) as error:
            reason = (
                error.strerror if isinstance(error, OSError) else "it is no service account's key"
            )
            raise NotAllowedError(f"the key {self._path} cannot be used: {reason}") from None
