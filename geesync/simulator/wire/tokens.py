"""Whose call it is: every token is accepted, and each stands for the principal it names."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import parse_qs

from geesync.simulator.refusals import BadRequest
from geesync.simulator.world.pixels import Json

PREFIX = "ya29."  #: what Google's access tokens begin with
ANONYMOUS = "anonymous"
LIVES_S = 3600


def principal(headers: Mapping[str, str]) -> str:
    """Return whom the bearer token stands for: itself, or the account it was issued to."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.removeprefix(PREFIX) if scheme.lower() == "bearer" else ANONYMOUS


def issue(form: bytes) -> Json:
    """Answer a token request: of a service account's JWT, a refresh token, or another's token.

    Signatures are not checked: on loopback everybody is who they say.
    """
    fields = {name: values[0] for name, values in parse_qs(form.decode(errors="replace")).items()}
    if "assertion" in fields:
        subject = _issuer(fields["assertion"])
    elif "refresh_token" in fields:
        subject = fields["refresh_token"]
    elif "subject_token" in fields:
        subject = fields["subject_token"]
    else:
        raise BadRequest("invalid_request: neither an assertion nor a token")
    return {
        "access_token": PREFIX + subject,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "expires_in": LIVES_S,
        "token_type": "Bearer",
    }


def _issuer(assertion: str) -> str:
    try:
        payload = assertion.split(".")[1]
        padded = payload + "=" * (-len(payload) % 4)
        return str(dict(json.loads(base64.urlsafe_b64decode(padded)))["iss"])
    except (ValueError, LookupError, TypeError):
        raise BadRequest("invalid_grant: not a signed JWT") from None
