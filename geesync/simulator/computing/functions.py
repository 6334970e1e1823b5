"""The functions of Earth Engine that exports of assets use; the simulator has no others."""

from __future__ import annotations

from dataclasses import replace

from geesync.simulator.computing.arguments import Args, Function, want
from geesync.simulator.computing.arithmetic import ARITHMETIC
from geesync.simulator.computing.grid_functions import GRID_FUNCTIONS
from geesync.simulator.computing.image_functions import IMAGE_FUNCTIONS
from geesync.simulator.computing.scene import Scene, Table
from geesync.simulator.world.pixels import SimFeature


def _load_table(scene: Scene, args: Args) -> Table:
    return scene.table(want("Collection.loadTable", args, "tableId", str))


def _select_properties(_: Scene, args: Args) -> SimFeature:
    feature = want("Feature.select", args, "input", SimFeature)
    wanted, new = args["propertySelectors"], args.get("newProperties")
    pairs = zip(wanted, new or wanted, strict=True)
    properties = {name: feature.properties[old] for old, name in pairs if old in feature.properties}
    geometry = feature.geometry if args.get("retainGeometry", True) else None
    return replace(feature, properties=properties, geometry=geometry)


def _map(_: Scene, args: Args) -> Table:
    table = want("Collection.map", args, "collection", Table)
    change = args["baseAlgorithm"]
    return Table(lambda: (change(feature) for feature in table.features()))


#: All functions by name.
FUNCTIONS: dict[str, Function] = {
    **IMAGE_FUNCTIONS,
    **GRID_FUNCTIONS,
    **ARITHMETIC,
    "Collection.loadTable": Function(_load_table, ("tableId",), ("geometryColumn", "version")),
    "Collection.map": Function(_map, ("collection", "baseAlgorithm"), ("dropNulls",)),
    "Feature.select": Function(
        _select_properties,
        ("input", "propertySelectors"),
        ("newProperties", "retainGeometry"),
    ),
}
