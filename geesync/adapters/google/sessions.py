"""How Cloud Storage's client keeps connections, and what it need not look up each time."""

from __future__ import annotations

from typing import Any

#: As many as threads; ten are the default, and those beyond would each open and drop their own.
_CONNECTIONS = 64


def prepare(session: Any, url: str) -> None:
    """Keep a session's connections, and what the environment says of proxies and certificates.

    session: of requests, for one service. url: the service's address. Else requests reads the
    whole environment twice for each request, and a .netrc, which took as long as the rest of it.
    """
    from requests.adapters import HTTPAdapter  # noqa: PLC0415

    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(_CONNECTIONS, _CONNECTIONS))
    told = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify, session.cert = told["proxies"], told["verify"], told["cert"]
    session.trust_env = False
