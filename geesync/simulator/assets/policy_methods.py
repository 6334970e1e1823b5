"""The methods about who may do what with an asset."""

from __future__ import annotations

import base64
import re

from geesync.simulator.api.service import Call, Service, require
from geesync.simulator.assets.permissions import EVERYBODY, MEMBER_KINDS, ROLES
from geesync.simulator.refusals import BadRequest, CallRefused
from geesync.simulator.wire.audit import body_hash
from geesync.simulator.world.pixels import Json

PERMISSION = re.compile(r"earthengine(\.[A-Za-z]+){2}", re.ASCII)
POLICY_VERSIONS = (0, 1, 3)
OWNER = "roles/owner"
_KINDS = {"user": "User", "group": "Group", "serviceAccount": "Service account"}
CONCURRENT = (
    "There were concurrent policy changes. Please retry the whole read-modify-write with"
    " exponential backoff."
)


def get_policy(service: Service, call: Call) -> Json:
    """Answer getIamPolicy; an asset without a policy of its own has an empty one."""
    require(service, call, "earthengine.assets.getIamPolicy", call.name)
    return _with_etag(service.world.policy(call.name))


def set_policy(service: Service, call: Call) -> Json:
    """Answer setIamPolicy; the owners stay, whatever is asked."""
    require(service, call, "earthengine.assets.setIamPolicy", call.name)
    told = call.body.get("policy", {})
    asked = told.get("bindings", [])
    known = service.world.policy(call.name).get("bindings", [])
    if told.get("version", 0) not in POLICY_VERSIONS:
        raise BadRequest(f"Invalid policy version {told['version']}.")
    _check(asked)
    _check_members(service, asked, known)
    if told.get("etag") not in (None, "", _with_etag(service.world.policy(call.name)).get("etag")):
        raise CallRefused(409, CONCURRENT)
    owners = [binding for binding in known if binding["role"] == OWNER]
    others = [binding for binding in asked if not owners or binding["role"] != OWNER]
    service.world.set_policy(call.name, {"bindings": [*owners, *others]})
    service.audit.add("set_policy", call.name)
    return _with_etag(service.world.policy(call.name))


def _check(bindings: list[Json]) -> None:
    """Raise BadRequest for roles that assets do not have, and for members that nobody can be."""
    for binding in bindings:
        if binding["role"] not in ROLES:
            raise BadRequest(f"Role {binding['role']} is not supported for this resource.")
        for member in binding.get("members", ()):
            kind, _, name = member.partition(":")
            if member not in EVERYBODY and not (kind in MEMBER_KINDS and name):
                raise BadRequest(f"The member {member} is of an unknown type.")


def _check_members(service: Service, asked: list[Json], known: list[Json]) -> None:
    """Raise BadRequest for the first member that is no more, and had no role before."""
    held = {member for binding in known for member in binding.get("members", ())}
    for member in (one for binding in asked for one in binding.get("members", ())):
        is_gone = member.startswith("deleted:") or member in service.profile.absent_members
        if is_gone and member not in held:
            kind, _, name = member.partition(":")
            raise BadRequest(f"{_KINDS.get(kind, 'Principal')} {name} does not exist.")


def test_permissions(service: Service, call: Call) -> Json:
    """Answer testIamPermissions; nothing is permitted on what is not there."""
    for permission in call.body.get("permissions", []):
        if PERMISSION.fullmatch(permission) is None:
            raise BadRequest(f"Permission {permission} is not valid for this resource.")
    if service.world.find(call.name) is None:
        return {}
    granted = service.world.permissions.granted
    held = [
        permission
        for permission in call.body.get("permissions", [])
        if granted(call.principal, permission, call.name)
    ]
    return {"permissions": held} if held else {}


def _with_etag(policy: Json) -> Json:
    bindings = [binding for binding in policy.get("bindings", []) if binding.get("members")]
    if not bindings:
        return {}
    etag = base64.b64encode(bytes.fromhex(body_hash({"": bindings}))[:8]).decode()
    return {"version": 1, "etag": etag, "bindings": bindings}
