"""Who we are to Google: systemd's credential, a key file, Earth Engine's own login, or the default.

The same for the product, its worker processes and the doctor. No secret is logged, stored or shown.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from geesync.errors import NotAllowedError

#: The name under which systemd's LoadCredential= hands us the key.
_SYSTEMD_CREDENTIAL = "ee-key"

_DEFAULT = "GOOGLE_APPLICATION_CREDENTIALS"

#: Of Earth Engine's own client, published with it: logins of before 2022 name none.
_LOGIN = {
    "type": "authorized_user",
    "client_id": "517222506229-vsmmajv00ul0bs7p89v5m89qs8eb9359.apps.googleusercontent.com",
    "client_secret": "RUP0RZ6e0pPhDzsqIJ7KlNd1",
}


def find_credentials(key_file: Path | None, *, url: str | None, project: str | None = None) -> Any:
    """Return google-auth credentials. Raises NotAllowedError, naming what to do, if there are none.

    project: that pays for what is asked in a person's name. url: of the service that is asked;
    one on loopback, the simulator, needs none. Nothing is asked of the network, but on a machine
    without any file, whose metadata server may have them.
    """
    systemd = os.environ.get("CREDENTIALS_DIRECTORY")
    if systemd and (Path(systemd) / _SYSTEMD_CREDENTIAL).exists():
        return _from_file(Path(systemd) / _SYSTEMD_CREDENTIAL, project)
    if key_file:
        _refuse_open(key_file)
        return _from_file(key_file, project)
    if url and urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}:
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415

        return AnonymousCredentials()
    return _from_login(project) or _default(project)


def describe(credentials: Any) -> tuple[str, bool]:
    """Return whose the credentials are, and whether they may end by themselves."""
    if hasattr(credentials, "whose"):
        return credentials.whose, credentials.may_end
    email = getattr(credentials, "service_account_email", None)
    return f"service account {email}" if email else type(credentials).__name__, False


def token_request() -> Any:
    """Return what google-auth asks for a token with."""
    from geesync.adapters.google.sessions import for_tokens  # noqa: PLC0415 # requests is slow to load

    return for_tokens()


def renew(credentials: Any) -> None:
    """Let the next request ask for a token anew; a key that was replaced is read then."""
    credentials.token = None


def _from_file(path: Path, project: str | None) -> Any:
    from geesync.adapters.google.credentials_file import CredentialsFile  # noqa: PLC0415

    return CredentialsFile(path, project)


def _refuse_open(path: Path) -> None:
    """Refuse a key that others can read: those of its group may if it is root's, as a service's."""
    try:
        status = path.stat()
    except OSError as error:
        raise NotAllowedError(f"the key {path} cannot be read: {error.strerror}") from None
    is_roots = status.st_uid == 0 != os.geteuid()
    if status.st_mode & (stat.S_IWGRP | stat.S_IRWXO | (0 if is_roots else stat.S_IRWXG)):
        mode = "640" if is_roots else "600"
        raise NotAllowedError(f"the key {path} can be read by others", hint=f"chmod {mode} {path}")


def _from_login(project: str | None) -> Any:
    """Return what ``earthengine authenticate`` left, or None.

    In gcloud's mode it leaves a project at most, and the log-in is gcloud's.
    """
    from geesync.adapters.google.credentials_file import (  # noqa: PLC0415
        CredentialsFile,
        content,
    )

    path = Path(os.path.expanduser("~/.config/earthengine/credentials"))  # noqa: PTH111 # needs no home
    if not path.is_file() or not content(path).get("refresh_token"):
        return None
    return CredentialsFile(path, project, lambda path: {**_LOGIN, **content(path)})


def _default(project: str | None) -> Any:
    """Return Google's Application Default Credentials, in its order."""
    import google.auth  # noqa: PLC0415
    from google.auth import _cloud_sdk  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

    from geesync.adapters.google.credentials_file import SCOPES  # noqa: PLC0415

    configured = os.environ.get(_DEFAULT)
    path = Path(configured or _cloud_sdk.get_application_default_credentials_path())
    if configured or path.is_file():
        return _from_file(path, project)
    try:
        credentials, _ = google.auth.default(scopes=SCOPES)
    except GoogleAuthError:
        raise NotAllowedError(
            "there are no Google credentials",
            hint="set `earth_engine.credentials` to a key file, or run `earthengine authenticate`",
        ) from None
    return credentials
