"""How requests asks, for Cloud Storage's client and for tokens.

Imported late: requests takes longer to load than most commands need for all their work.
"""

from __future__ import annotations

from typing import Any

import requests
from google.auth.transport.requests import AuthorizedSession, Request
from requests.adapters import HTTPAdapter

from geesync.adapters.host.network import Proxies, trusted
from geesync.adapters.transfer.answers import LONGEST_ANSWER_BYTES

#: As many as threads; ten are the default, and those beyond would each open and drop their own.
_CONNECTIONS = 64
_PIECE_BYTES = 1024**2


class _Session(requests.Session):
    """Asks by the one way out; else requests reads the environment, and a .netrc, each time."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.trust_env = False
        self._trusted = trusted()
        self._proxies = Proxies()
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(_CONNECTIONS, _CONNECTIONS))

    def send(self, request: Any, **named: Any) -> Any:
        """Ask; an answer that is to be held whole is read up to what any should have."""
        is_whole = not named.get("stream")
        response = super().send(request, **named | {"stream": True})
        if is_whole:
            response._content = _whole(response)  # noqa: SLF001 # where requests keeps it
        return response

    def merge_environment_settings(
        self, url: Any, _proxies: Any, stream: Any, _verify: Any, cert: Any
    ) -> Any:
        """Return how an address is asked; requests asks for it before each of its requests."""
        found = self._proxies.of(str(url))
        return {
            "proxies": {"all": found} if found else {},
            "stream": stream,
            "verify": self._trusted,
            "cert": cert,
        }


def _whole(response: requests.Response) -> bytes:
    """Return a body, decoded. Raises ConnectionError for one that is made to fill the memory."""
    content = bytearray()
    for piece in response.iter_content(_PIECE_BYTES):
        content += piece
        if len(content) > LONGEST_ANSWER_BYTES:
            response.close()
            raise requests.exceptions.ConnectionError(
                None, f"an answer of more than {LONGEST_ANSWER_BYTES:,} bytes"
            )
    return bytes(content)


class _Authorized(_Session, AuthorizedSession):
    """Asks with a token of ours."""


def authorized(credentials: Any) -> Any:
    """Return a session of requests that asks as the owner of credentials."""
    return _Authorized(credentials, auth_request=for_tokens())


def for_tokens() -> Any:
    """Return how google-auth asks for a token."""
    return Request(_Session())
