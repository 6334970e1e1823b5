"""The body that asks for the pixels of one tile."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import groupby

from geesync.domain.assets.grid import Grid
from geesync.domain.direct.fields import FRACTION, MARKED_TYPE, OUTSIDE, Field, Kind
from geesync.domain.json import Json
from geesync.domain.tasks.expressions import call, cast, expression, loaded

#: By what Cloud Monitoring tells our compute from that of others in the project.
WORKLOAD_TAG = "geesync"

_HALF_BITS = 32
_LOWER_HALF = 2**_HALF_BITS - 1


def names(image: str, revision: str, fields: Sequence[Field], grid: Grid) -> list[str]:
    """Return what the fields are called in the answer, so that it tells which request it is to.

    Short, whatever the bands are called: the header of an answer has 64 KiB for 1,024 of them.
    """
    kinds = [(field.kind, field.band, field.pixel_type) for field in fields]
    asked = json.dumps([image, revision, grid.to_json(), kinds]).encode()
    token = hashlib.blake2b(asked, digest_size=6).hexdigest()
    return [f"f{number}_{token}" for number in range(len(fields))]


def body(
    image: str,
    fields: Sequence[Field],
    grid: Grid,
    called: Sequence[str],
    workload_tag: str = WORKLOAD_TAG,
) -> Json:
    """Return the request for an image's fields on the grid of a tile; no pixel of it is masked.

    image: the name of an asset, or an expression as JSON text. fields: those that are computed
    alike are beside one another. called: as ``names`` calls them. The grid says everything:
    nothing is resampled, and nothing is left to Earth Engine's choice.
    """
    load, values = loaded(image)
    return {
        "expression": expression(_image(load, fields, called), values),
        "fileFormat": "NPY",
        "grid": grid.to_json(),
        "workloadTag": workload_tag,
    }


def _image(load: Json, fields: Sequence[Field], called: Sequence[str]) -> Json:
    image: Json | None = None
    for (kind, pixel_type), alike in groupby(fields, lambda one: (one.kind, one.pixel_type)):
        bands = [field.band for field in alike]
        chosen = call("Image.select", input=load, bandSelectors=bands)
        made = _MAKERS[kind](chosen, pixel_type)
        image = made if image is None else call("Image.addBands", dstImg=image, srcImg=made)
    return call("Image.rename", input=image, names=list(called))


def _value(image: Json, pixel_type: str) -> Json:
    return _filled(cast(pixel_type, image), cast(pixel_type, 0))


def _marked(image: Json, pixel_type: str) -> Json:
    """Cast twice: whatever range is declared, what a byte's type holds is never the mark."""
    wide = cast(MARKED_TYPE, cast(pixel_type, image))
    more = call("Image.multiply", image1=_has_fraction(image), image2=_constant(FRACTION))
    marked = cast(MARKED_TYPE, call("Image.add", image1=wide, image2=more))
    return _filled(marked, cast(MARKED_TYPE, OUTSIDE))


def _valid(image: Json, pixel_type: str) -> Json:
    is_valid = call("Image.neq", image1=call("Image.mask", image=image), image2=_constant(0))
    summed = call("Image.add", image1=is_valid, image2=_has_fraction(image))
    return _filled(cast(pixel_type, summed), cast(pixel_type, 0))


def _has_fraction(image: Json) -> Json:
    mask = call("Image.mask", image=image)
    return call("Image.neq", image1=mask, image2=call("Image.ceil", value=mask))


def _mask(image: Json, pixel_type: str) -> Json:
    return _filled(cast(pixel_type, call("Image.mask", image=image)), cast(pixel_type, 0))


def _high(image: Json, pixel_type: str) -> Json:
    whole = cast("int64", image)
    shifted = call("Image.rightShift", image1=whole, image2=_constant(_HALF_BITS))
    return _filled(cast(pixel_type, shifted), cast(pixel_type, 0))


def _low(image: Json, pixel_type: str) -> Json:
    whole = cast("int64", image)
    half = call("Image.bitwiseAnd", image1=whole, image2=cast("int64", _LOWER_HALF))
    return _filled(cast(pixel_type, half), cast(pixel_type, 0))


_MAKERS = {
    Kind.VALUE: _value,
    Kind.MARKED: _marked,
    Kind.VALID: _valid,
    Kind.MASK: _mask,
    Kind.HIGH: _high,
    Kind.LOW: _low,
}


def wkt_of(crs: str) -> Json:
    """Return what asks for a coordinate system's definition."""
    return call("Projection.wkt", projection=call("Projection", crs=crs))


def _constant(value: float) -> Json:
    return call("Image.constant", value=value)


def _filled(image: Json, fill: Json) -> Json:
    """Return an image without masked pixels, beyond its footprint, too."""
    return call("Image.unmask", input=image, value=fill, sameFootprint=False)
