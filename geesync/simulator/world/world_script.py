"""Changes of the account that a test scripts, written as JSON."""

from __future__ import annotations

from geesync.simulator.refusals import BadRequest
from geesync.simulator.world import names
from geesync.simulator.world.pixels import Json
from geesync.simulator.world.world import World


def change(world: World, wishes: Json) -> None:
    """Do ``{"delete" | "touch": asset}``, ``{"move" | "copy": asset, "to": asset}``.

    Or ``{"deny": tree, "permission": …, "principal": …}``. Raises BadRequest for anything else.
    """
    match wishes:
        case {"delete": str(asset)}:
            world.delete(names.canonical(asset), recursive=True)
        case {"touch": str(asset)}:
            world.touch(names.canonical(asset))
        case {"move": str(asset), "to": str(target)}:
            world.move(names.canonical(asset), names.canonical(target))
        case {"copy": str(asset), "to": str(target)}:
            world.copy(names.canonical(asset), names.canonical(target), overwrite=True)
        case {"deny": str(tree), **how}:
            world.permissions.deny(_denied(tree), **how)
        case _:
            raise BadRequest("one of delete, touch, move, copy, deny is needed")


def _denied(tree: str) -> str:
    """Return what a denial covers: "" is all, ``projects/p`` the project, else an asset.

    Or ``gs://bucket``, to which Earth Engine may then not write.
    """
    is_project = tree.startswith("projects/") and tree.count("/") == 1
    as_it_is = is_project or not tree or tree.startswith("gs://")
    return tree if as_it_is else names.canonical(tree)
