"""Credentials in a file that may be replaced while we run, of every kind that Google's tools write.

Imported late: google-auth takes longer to load than most commands need for all their work.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import google.auth
from google.auth import (
    _cloud_sdk,
    aws,
    external_account_authorized_user,
    identity_pool,
    impersonated_credentials,
    pluggable,
)
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import credentials as persons
from google.oauth2 import service_account

from geesync.domain.failures.google_errors import UNREADABLE
from geesync.errors import NotAllowedError
from geesync.logger import get_logger

log = get_logger()

Json = Mapping[str, Any]

#: Of Earth Engine's own client, published with it: logins of before 2022 name none.
_LOGIN = {
    "type": "authorized_user",
    "client_id": "517222506229-vsmmajv00ul0bs7p89v5m89qs8eb9359.apps.googleusercontent.com",
    "client_secret": "RUP0RZ6e0pPhDzsqIJ7KlNd1",
}

#: Enough for exports, listings, the bucket, and what they cost; nothing else. A person's log-in
#: has its own.
SCOPES = (
    "https://www.googleapis.com/auth/earthengine",
    "https://www.googleapis.com/auth/devstorage.read_write",
    "https://www.googleapis.com/auth/monitoring.read",
)


class CredentialsFile(Credentials):
    """Credentials that read their file again for each token: a new one needs no restart.

    project: that pays for what is asked in a person's name. read: gives the file's content.
    Raises NotAllowedError at the start if the file holds none that can be used.
    """

    def __init__(
        self, path: Path, project: str | None, read: Callable[[Path], Json] | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # google-auth says no types
        self._path = path
        self._project = project
        self._content = read or _content
        self._read()

    @property
    def whose(self) -> str:
        """Whose they are, for people."""
        email = getattr(self._kept, "service_account_email", None)
        return f"{self._kind}{f' {email}' if email else ''}"

    @property
    def may_end(self) -> bool:
        """Whether they may end by themselves."""
        return self._kind in _PERSONS

    def refresh(self, request: Any) -> None:
        """Ask for a token with what is in the file now."""
        try:
            self._read()
        except NotAllowedError as error:  # it may just be on its way; Google judges the old one
            log.warning("key_not_read", error=str(error))
        self._kept.refresh(request)
        self.token, self.expiry = self._kept.token, self._kept.expiry

    def apply(self, headers: dict[str, str], token: str | None = None) -> None:
        """Put the token into a request's headers, and who pays: never another project than ours."""
        super().apply(headers, token)  # type: ignore[no-untyped-call] # google-auth says no types
        if self._project and (self.may_end or self._names_a_project):
            headers["x-goog-user-project"] = self._project

    def _read(self) -> None:
        found = self._content(self._path)
        kind = found.get("type")
        try:
            if not isinstance(kind, str) or kind not in _KINDS:
                raise ValueError(f"its type is {kind!r}, and {', '.join(_KINDS)} are known")
            self._kind, load = _KINDS[kind]
            self._kept = load(found)
        except (*UNREADABLE, GoogleAuthError) as error:
            raise _unusable(self._path, _words(error)) from None
        self._names_a_project = bool(found.get("quota_project_id"))


def from_login(project: str | None) -> CredentialsFile | None:
    """Return what ``earthengine authenticate`` left, or None.

    In gcloud's mode it leaves a project at most, and the log-in is gcloud's.
    """
    path = Path(os.path.expanduser("~/.config/earthengine/credentials"))  # noqa: PTH111 # needs no home
    if not path.is_file() or not _content(path).get("refresh_token"):
        return None
    return CredentialsFile(path, project, lambda path: {**_LOGIN, **_content(path)})


def default(project: str | None) -> Any:
    """Return Google's Application Default Credentials, in its order; NotAllowedError if none."""
    configured = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    path = Path(configured or _cloud_sdk.get_application_default_credentials_path())
    if configured or path.is_file():
        return CredentialsFile(path, project)
    try:
        credentials, _ = google.auth.default(scopes=SCOPES)
    except GoogleAuthError:
        raise NotAllowedError(
            "there are no Google credentials",
            hint="set `earth_engine.credentials` to a key file, or run `earthengine authenticate`",
        ) from None
    return credentials


def _content(path: Path) -> Json:
    """Return what a file of credentials says. Raises NotAllowedError."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise NotAllowedError(
            f"the credentials {path} cannot be read: {error.strerror}",
            hint="name a file that the user of geesync may read",
        ) from None
    except (ValueError, RecursionError):
        is_empty = not path.stat().st_size
        raise _unusable(path, "it is empty" if is_empty else "it is no JSON") from None
    if not isinstance(found, dict):
        raise _unusable(path, "it is no JSON object")
    return found


def _unusable(path: Path, reason: str) -> NotAllowedError:
    """Return the error for a file of credentials that cannot be used."""
    return NotAllowedError(
        f"the credentials {path} cannot be used: {reason}",
        hint="write the file anew, with `gcloud iam service-accounts keys create`, "
        "`gcloud auth application-default login` or `earthengine authenticate`",
    )


def _words(error: Exception) -> str:
    """Return what google-auth says of a file; what it stumbled over is a member that is missing."""
    if isinstance(error, GoogleAuthError | ValueError) and error.args:
        return str(error.args[0]).rstrip(".")
    return f"something is missing or of a wrong kind in it ({error})"


def _workload(found: Json) -> Any:
    source: Any = found.get("credential_source")
    if found.get("subject_token_type") == "urn:ietf:params:aws:token-type:aws4_request":
        kind: Any = aws
    else:
        kind = pluggable if "executable" in source else identity_pool
    return kind.Credentials.from_info(found, scopes=SCOPES)


_PERSON, _WORKFORCE = "a person's login", "a login of an organisation"
_PERSONS = frozenset({_PERSON, _WORKFORCE})

#: By the member ``type``. Nothing is asked of the network until the first token.
_KINDS: Mapping[str, tuple[str, Callable[[Json], Any]]] = {
    "service_account": (
        "service account",
        partial(service_account.Credentials.from_service_account_info, scopes=SCOPES),
    ),
    "authorized_user": (_PERSON, persons.Credentials.from_authorized_user_info),
    "impersonated_service_account": (
        "impersonated service account",
        partial(
            impersonated_credentials.Credentials.from_impersonated_service_account_info,
            scopes=SCOPES,
        ),
    ),
    "external_account": ("workload identity", _workload),
    "external_account_authorized_user": (
        _WORKFORCE,
        external_account_authorized_user.Credentials.from_info,
    ),
}
