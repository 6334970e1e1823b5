"""Reads a mirror's STAC catalogue as a stranger would: with pystac, offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pystac
import pystac.validation
from pystac.validation.stac_validator import JsonSchemaSTACValidator

_SCHEMAS = Path(__file__).parent / "stac_schemas"

Json = dict[str, Any]


def validated(mirror: Path) -> pystac.Catalog:
    """Return the catalogue, every object of it valid by its schema and its extensions'.

    The schemas of STAC itself come with pystac; those of the extensions lie beside this file.
    """
    validator = JsonSchemaSTACValidator()
    for file in _SCHEMAS.glob("*.json"):
        schema = json.loads(file.read_text())
        validator.schema_cache[schema["$id"].rstrip("#")] = schema
    pystac.validation.set_validator(validator)
    catalogue = pystac.Catalog.from_file(str(mirror / "catalog.json"))
    catalogue.validate()
    catalogue.validate_all()
    return catalogue


def items(catalogue: pystac.Catalog) -> dict[str, pystac.Item]:
    """Return every Item that links lead to, by Earth Engine's name."""
    return {item.properties["ee:name"]: item for item in catalogue.get_items(recursive=True)}


def documents(mirror: Path) -> Iterator[tuple[Path, Json]]:
    """Yield every STAC document of a mirror, linked or not."""
    for path in sorted(mirror.rglob("*.json")):
        document = json.loads(path.read_text())
        if "stac_version" in document:
            yield path, document


def hrefs(document: Json) -> list[str]:
    """Return all that a document points at."""
    links = [link["href"] for link in document["links"]]
    return links + [asset["href"] for asset in document.get("assets", {}).values()]


def target(path: Path, href: str) -> Path:
    """Return the file that a relative link in a document means."""
    return (path.parent / unquote(href)).resolve()
