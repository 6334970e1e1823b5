"""How the documents of the STAC catalogue are tied together: ids, relative links, pages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from urllib.parse import quote

from geesync.domain.assets.asset import FOLDER, IMAGE_COLLECTION
from geesync.domain.assets.names import display_id
from geesync.domain.json import Json

JSON_TYPE = "application/json"
GEOJSON_TYPE = "application/geo+json"

_DOCUMENTS = {FOLDER: "catalog.json", IMAGE_COLLECTION: "collection.json"}
_ITEM = "item.json"

#: Links in one document; a container with more children has them in pages.
PAGE_LINKS = 1000


_PAGE = re.compile(r"page-\d{5,}\.json")


@dataclass(frozen=True)
class Node:
    """One asset's place in the catalogue."""

    name: str  #: canonical
    type: str
    path: str  #: its folder, relative to the mirror

    @property
    def document(self) -> str:
        """The name of its document, in its folder."""
        return _DOCUMENTS.get(self.type, _ITEM)

    @property
    def id(self) -> str:
        """``users.x.scenes.s1``: unique in the mirror, and no path."""
        return display_id(self.name).replace("/", ".")

    @property
    def title(self) -> str:
        """What people call it: the last component of its name."""
        return self.name.rpartition("/")[2]

    @property
    def relation(self) -> str:
        """How a parent links to it."""
        return "item" if self.document == _ITEM else "child"


#: The mirror itself, above all roots.
TOP = Node(name="geesync", type=FOLDER, path=".")


def strange_documents(kind: str, names: Iterable[str]) -> set[str]:
    """Return which of these names are documents that an asset of this type has not: it had another.

    A folder may have been replaced by an image of its name, or an image by a folder.
    """
    own = _DOCUMENTS.get(kind, _ITEM)
    others = {*_DOCUMENTS.values(), _ITEM} - {own}
    is_container = own != _ITEM
    return {
        name for name in names if name in others or (_PAGE.fullmatch(name) and not is_container)
    }


def page_file(number: int) -> str:
    """Return the name of a container's page, counted from 1."""
    return f"page-{number:05d}.json"


def page_links(pages: int) -> list[Json]:
    """Return a container's links to its pages."""
    return [
        {"rel": "child", "href": f"./{page_file(number)}", "type": JSON_TYPE}
        for number in range(1, pages + 1)
    ]


def upwards(node: Node, parent: Node) -> list[Json]:
    """Return a document's links to the top and to its container."""
    return [link(node, TOP, "root"), link(node, parent, "parent")]


def link(node: Node, target: Node, relation: str = "") -> Json:
    """Return a relative link from one document to another; relation: else as to a child."""
    paths = (target.path, node.path)
    there, here = (path.split("/") if path != TOP.path else [] for path in paths)
    pairs = zip(there, here, strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    out = [".."] * (len(here) - shared) or ["."]
    href = "/".join([*out, *there[shared:], target.document])
    is_geojson = target.document == _ITEM
    return {
        "rel": relation or target.relation,
        "href": quote(href, safe="/~"),
        "type": GEOJSON_TYPE if is_geojson else JSON_TYPE,
        "title": target.title,
    }
