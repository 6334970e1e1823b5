"""Clouds of Sentinel-2: ``function = "geesync.recipes.sentinel2:clouds"``.

By what the products themselves say of each pixel, as Earth Engine's catalogue documents it:
https://developers.google.com/earth-engine/datasets/catalog/COPERNICUS_S2_SR_HARMONIZED
"""

from __future__ import annotations

from typing import Any

#: Bits of QA60: opaque clouds, and cirrus.
_OPAQUE, _CIRRUS = 1 << 10, 1 << 11

#: Classes of the scene classification: shadows of clouds, clouds (probably, surely), cirrus.
_SHADOW_OR_CLOUD = (3, 8, 9, 10)


#: From this probability on, in percent, s2cloudless calls a pixel cloudy in its tutorial:
#: https://developers.google.com/earth-engine/tutorials/community/sentinel-2-s2cloudless
_PROBABLE = 50
_PROBABILITIES = "COPERNICUS/S2_CLOUD_PROBABILITY"


def cloudless(image: Any, source: dict[str, Any]) -> Any:
    """Return what ``clouds`` returns, by s2cloudless where it has looked at the image.

    Its probabilities lie in a public collection of their own, under the image's own index. None for
    an image of which neither they nor its own bands tell anything.
    """
    import ee  # noqa: PLC0415 # of whoever runs it; geesync itself has it in one place

    otherwise = clouds(image, source)
    if otherwise is None:
        return None
    index = source["name"].rpartition("/")[2]
    probabilities = ee.ImageCollection(_PROBABILITIES).filter(ee.Filter.eq("system:index", index))
    seen = probabilities.map(
        lambda one: one.select("probability").gte(_PROBABLE).rename("cloud").toByte()
    )
    return ee.Image(seen.merge(ee.ImageCollection([otherwise])).first())


def clouds(image: Any, source: dict[str, Any]) -> Any:
    """Return where clouds and their shadows are: band ``cloud``, 1 there and 0 elsewhere, Byte.

    Uses the scene classification (``SCL``) where the image has one, else ``QA60``. None for an
    image that has neither.
    """
    bands = {band["id"] for band in source.get("bands", ())}
    if "SCL" in bands:
        classes = image.select("SCL")
        cloudy = classes.eq(_SHADOW_OR_CLOUD[0])
        for number in _SHADOW_OR_CLOUD[1:]:
            cloudy = cloudy.Or(classes.eq(number))
    elif "QA60" in bands:
        quality = image.select("QA60")
        cloudy = quality.bitwiseAnd(_OPAQUE | _CIRRUS).neq(0)
    else:
        return None
    return cloudy.rename("cloud").toByte()
