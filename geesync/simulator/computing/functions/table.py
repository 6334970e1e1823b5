"""All functions of Earth Engine that the simulator has; others are refused by name."""

from __future__ import annotations

from geesync.simulator.computing.arguments import Function
from geesync.simulator.computing.functions.collecting import COLLECTIONS
from geesync.simulator.computing.functions.dates import DATES
from geesync.simulator.computing.functions.elements import ELEMENTS
from geesync.simulator.computing.functions.filters import FILTERS
from geesync.simulator.computing.functions.geometries import GEOMETRIES
from geesync.simulator.computing.functions.lists import LISTS
from geesync.simulator.computing.functions.values import VALUES
from geesync.simulator.computing.image_functions.arrays import ARRAYS
from geesync.simulator.computing.image_functions.expressions import EXPRESSIONS
from geesync.simulator.computing.image_functions.grids import GRIDS
from geesync.simulator.computing.image_functions.image_bands import BANDS
from geesync.simulator.computing.image_functions.image_math import IMAGE_MATH
from geesync.simulator.computing.image_functions.kernels import KERNELS
from geesync.simulator.computing.image_functions.neighbourhoods import NEIGHBOURHOODS
from geesync.simulator.computing.reducing.reducer_kinds import REDUCERS
from geesync.simulator.computing.reducing.reductions import REDUCTIONS
from geesync.simulator.computing.reducing.sampling import SAMPLING

#: All functions by name.
FUNCTIONS: dict[str, Function] = {
    **BANDS,
    **GRIDS,
    **GEOMETRIES,
    **IMAGE_MATH,
    **EXPRESSIONS,
    **ARRAYS,
    **KERNELS,
    **NEIGHBOURHOODS,
    **REDUCERS,
    **REDUCTIONS,
    **SAMPLING,
    **COLLECTIONS,
    **ELEMENTS,
    **FILTERS,
    **DATES,
    **VALUES,
    **LISTS,
}
