"""A service account that exists on loopback only."""

from __future__ import annotations

import functools

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

EMAIL = "mirror@demo-project.iam.gserviceaccount.com"
KEY_BITS = 2048


def service_account(url: str, project: str, email: str = EMAIL) -> dict[str, str]:
    """Return a key file's content whose tokens are issued by the simulator at ``url``.

    Its member ``url`` is for the ``earthengine`` tool; Google's libraries ignore it.
    """
    return {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "simulated",
        "private_key": _private_key(),
        "client_email": email,
        "client_id": "100000000000000000000",
        "token_uri": f"{url}/token",
        "url": url,
    }


@functools.cache
def _private_key() -> str:
    """Return a fresh key; nobody checks its signatures, but clients insist on making them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
