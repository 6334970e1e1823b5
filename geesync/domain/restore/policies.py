"""Who may do what with an asset, member by member: so is a policy set, refused and compared."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from geesync.domain.json import Json


@dataclass(frozen=True)
class Grant:
    """One member in one role."""

    member: str  #: as ``user:a@b.org``
    binding: str  #: what else its binding says, as JSON

    @property
    def is_deleted(self) -> bool:
        """Whether the mirrored policy itself says that the member is no more.

        https://cloud.google.com/iam/docs/principal-identifiers#deleted
        """
        return self.member.startswith("deleted:")

    def __str__(self) -> str:
        return f"{json.loads(self.binding).get('role')} of {self.member}"


def grants_of(policy: Json) -> list[Grant]:
    """Return what a policy grants, in its order."""
    return [
        Grant(str(member), json.dumps({**binding, "members": []}, sort_keys=True))
        for binding in policy.get("bindings") or ()
        for member in binding.get("members") or ()
    ]


def policy_of(grants: Iterable[Grant]) -> Json:
    """Return the policy that grants these, and nothing else."""
    members: defaultdict[str, list[str]] = defaultdict(list)
    for grant in grants:
        members[grant.binding].append(grant.member)
    return {
        "bindings": [json.loads(binding) | {"members": some} for binding, some in members.items()]
    }
