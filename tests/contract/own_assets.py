"""Assets of 8 × 8 pixels that are made in an account's folder, and what is in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.live.account import Account, Json, array, function, to_asset

EDGE = 8
PLACE = (0.01, 0.0, 10.0, 0.0, -0.01, 50.0)  # as ``tests.live.account.grid`` has it
INDEX = np.arange(EDGE * EDGE).reshape(EDGE, EDGE)  # of a pixel: (row, column)
VALID = INDEX % 3 != 0
#: Pixels of the image, by band, and how its band is typed; those of masked ones count for nothing.
BANDS: dict[str, tuple[str, Any]] = {
    "byte": ("Uint8", INDEX.astype(np.uint8)),
    "word": ("Uint16", (INDEX * 1000).astype(np.uint16)),
    "long": ("Int32", (INDEX * -1_000_000).astype(np.int32)),
    "real": ("Double", INDEX * 0.375),
}
_FACTORS = {"byte": 1, "word": 1000, "long": -1_000_000, "real": 0.375}
ROWS = 5


def image(account: Account) -> str:
    """Make an image of several types, of which the first is masked here and there."""
    number = _number()
    made: Json | None = None
    for name, (kind, _) in BANDS.items():
        values = function("Image.multiply", image1=number, image2=_constant(_FACTORS[name]))
        band = function(f"Image.to{kind}", value=values)
        if name == "byte":
            mask = function("Image.mod", image1=number, image2=_constant(3))
            band = function("Image.updateMask", image=band, mask=mask)
        band = function("Image.rename", input=band, names=[name])
        made = function("Image.addBands", dstImg=made, srcImg=band) if made else band
    told = function("Element.set", object=made, key="source", value="survey")
    return account.make_image(told)


def scenes(account: Account) -> str:
    """Make a collection of two images."""
    collection = account.make_container()
    for name in ("a", "b"):
        account.make_image(name=f"{collection}/{name}")
    return collection


def table(account: Account) -> str:
    """Make a table of rows, the first of which has no geometry."""
    features = [
        function(
            "Feature",
            geometry=function("GeometryConstructors.Point", coordinates=[number, 50])
            if number
            else None,
            metadata={"name": f'"Grüße", nr {number}', "real": number + 0.5},
        )
        for number in range(ROWS)
    ]
    rows = function("Collection", features=array(features))
    name = f"{account.folder}/{account.fresh()}"
    body = to_asset(name, image=rows)
    del body["grid"]
    account.made(account.start("table:export", body))
    return name


def _number() -> Json:
    """Return an image whose pixels are numbered, row by row."""
    projection = function("Projection", crs="EPSG:4326", transform=[*PLACE])
    where = function("Image.floor", value=function("Image.pixelCoordinates", projection=projection))
    x, y = (function("Image.select", input=where, bandSelectors=[axis]) for axis in "xy")
    rows = function("Image.multiply", image1=y, image2=_constant(EDGE))
    return function("Image.add", image1=x, image2=rows)


def _constant(value: float) -> Json:
    return function("Image.constant", value=value)
