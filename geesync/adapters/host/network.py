"""What this machine's environment says of the way out: whom to trust, and by which proxy.

The one place that decides it, for libcurl and for requests, which read other variables, and those
differently: a product whose parts disagree works in half.
"""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Collection
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from geesync.errors import ConfigError

#: A company's certificate authority is named by one of these; the first that is set counts.
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")

_PORTS = {"http": 80, "https": 443}


def trusted() -> str:
    """Return the file, or the folder, of the certificate authorities that are trusted.

    Raises ConfigError if a variable names what is not there.
    """
    import certifi  # noqa: PLC0415 # commands that only look need none

    for variable in _CA_VARIABLES:
        path = os.environ.get(variable)
        if path:
            if not os.access(path, os.R_OK):
                raise ConfigError(
                    f"{variable} names {path}, which cannot be read",
                    hint="let it name your certificate authorities' file, or unset it",
                )
            return path
    return certifi.where()


class Proxies:
    """By which proxy each address is asked; the environment is read once.

    HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, in small letters first, and NO_PROXY: names with all
    below them, addresses, networks (``10.0.0.0/8``), or ``*``; names with a port or without.
    """

    def __init__(self) -> None:
        self._by_scheme = urllib.request.getproxies_environment()
        self._excepted = self._by_scheme.get("no", "").replace(",", " ").lower().split()
        self._known: dict[tuple[str, str], str | None] = {}

    def of(self, url: str) -> str | None:
        """Return the proxy through which an address is asked, None if directly."""
        parts = urlsplit(url)
        place = parts.scheme, parts.netloc
        if place not in self._known:
            proxy = self._by_scheme.get(parts.scheme) or self._by_scheme.get("all")
            host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
            self._known[place] = None if _is_excepted(host, port, self._excepted) else proxy
        return self._known[place]


def _is_excepted(host: str, port: int | None, excepted: Collection[str]) -> bool:
    with suppress(ValueError):
        address = ip_address(host)
        networks = (_network(entry) for entry in excepted)
        if any(network and address in network for network in networks):
            return True
    names = ",".join(entry.removeprefix("*") for entry in excepted)
    named = urllib.request.proxy_bypass(f"{host}:{port}", {"no": names})
    return "*" in excepted or bool(named)


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None
