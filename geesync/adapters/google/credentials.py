"""Who we are to Google: systemd's credential, a key file, Earth Engine's own login, or the default.

No secret is ever logged, stored, or shown.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from geesync.errors import NotAllowedError

#: Enough for exports, listings and the bucket; nothing else.
_SCOPES = (
    "https://www.googleapis.com/auth/earthengine",
    "https://www.googleapis.com/auth/devstorage.read_write",
)

#: The name under which systemd's LoadCredential= hands us the key.
_SYSTEMD_CREDENTIAL = "ee-key"

_EARTHENGINE_LOGIN = Path("~/.config/earthengine/credentials")


def find_credentials(key_file: Path | None, *, url: str | None) -> Any:
    """Return google-auth credentials. Raises NotAllowedError, naming what to do, if there are none.

    url: of the service that is asked; one on loopback, the simulator, needs none.
    """
    systemd = os.environ.get("CREDENTIALS_DIRECTORY")
    if systemd and (Path(systemd) / _SYSTEMD_CREDENTIAL).exists():
        return _from_key(Path(systemd) / _SYSTEMD_CREDENTIAL)
    if key_file:
        _refuse_open(key_file)
        return _from_key(key_file)
    if url and urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}:
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415

        return AnonymousCredentials()
    return _from_login() or _default()


def describe(credentials: Any) -> tuple[str, bool]:
    """Return whose the credentials are, and whether they may end by themselves."""
    email = getattr(credentials, "service_account_email", None)
    if email:
        return f"service account {email}", False
    if getattr(credentials, "refresh_token", None):
        return "a person's login", True
    return f"{type(credentials).__name__}", False


def renew(credentials: Any) -> None:
    """Let the next request ask for a token anew; a key that was replaced is read then."""
    credentials.token = None


def _from_key(path: Path) -> Any:
    from geesync.adapters.google.key_file import KeyFile  # noqa: PLC0415

    return KeyFile(path, _SCOPES)


def _refuse_open(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise NotAllowedError(f"the key {path} cannot be read: {error.strerror}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise NotAllowedError(f"the key {path} can be read by others", hint=f"chmod 600 {path}")


def _from_login() -> Any:
    """Return what ``earthengine authenticate`` left, or None."""
    from google.oauth2.credentials import Credentials  # noqa: PLC0415

    path = _EARTHENGINE_LOGIN.expanduser()
    if not path.is_file():
        return None
    try:
        kept = json.loads(path.read_text())
        return Credentials(
            None,
            refresh_token=kept["refresh_token"],
            token_uri="https://oauth2.googleapis.com/token",  # noqa: S106 # an address
            client_id=kept["client_id"],
            client_secret=kept["client_secret"],
            quota_project_id=kept.get("project"),
        )
    except (OSError, ValueError, KeyError):
        raise NotAllowedError(
            f"{path} cannot be used", hint="run `earthengine authenticate` again"
        ) from None


def _default() -> Any:
    import google.auth  # noqa: PLC0415
    from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415

    try:
        credentials, _ = google.auth.default(scopes=_SCOPES)
    except DefaultCredentialsError:
        raise NotAllowedError(
            "there are no Google credentials",
            hint="set `earth_engine.credentials` to a key file, or run `earthengine authenticate`",
        ) from None
    return credentials
