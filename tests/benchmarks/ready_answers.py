"""``… FOLDER IMAGES EDGE COMPRESS``: what reading costs where answers lie ready on loopback.

Images of UInt16 and a mask are asked for, decoded, written, read back and proved, by the functions
that the processes beside the daemon run; the answers are made before, and sent by a process of
their own.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from geesync.adapters.direct.brought import Brought
from geesync.adapters.direct.image_fetching import fetch_images
from geesync.adapters.direct.image_files import ImageJob, Target
from geesync.adapters.direct.source import Access, open_source
from geesync.adapters.formats.proving import Proof, Proved, prove_all
from geesync.adapters.google.pacing import Pacer
from geesync.domain.assets.asset import Band
from geesync.domain.assets.grid import Grid
from geesync.domain.direct.readings import readings
from geesync.domain.tasks.exports import Part, Way

_TOKEN = "abcdefghijklmnop"
_SENTINEL = 65535.0
_AT_ONCE = 10
_CODES = "<u2", "|u1"  #: of values, and of what is valid
_NAME = re.compile(r"\bf\d+_[0-9a-f]+")


def main(folder: Path, images: int, edge: int, compress: str) -> None:
    """Print what was read, and what that took: bytes of answers, seconds, of a processor too."""
    (folder / ".geesync").mkdir()
    grid = Grid("EPSG:32632", (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0), edge, edge)
    part = Part("", "tif", ("B4",), grid, "uint16", _SENTINEL, way=Way.DIRECT)
    cut = tuple(readings([part], [Band("B4", "INT", (0.0, 65_534.0), grid)]))
    jobs = [
        ImageJob(
            *(f"users/x/i{number:05d}", "r", f"users/x/i{number:05d}"),
            *((Target(part, f"i{number:05d}.tif", _TOKEN),), cut, compress),
        )
        for number in range(images)
    ]
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(
        target=_serve, args=(theirs, cut[0].height, cut[0].width), daemon=True
    )
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}"
    access = Access("d", "p", url, 60.0, _AT_ONCE, 1e9)
    source = open_source(access, Pacer(1e9), lambda: True)
    wall_s, cpu_s = time.monotonic(), time.process_time()
    came: dict[int, Brought] = {}
    for told in fetch_images(source, str(folder), jobs):
        for number, answer in told:
            if not isinstance(answer, Brought):
                raise answer
            came[number] = answer
    proofs = [
        Proof(str(folder), jobs[number].path, kept.name, "tif", kept.crc32c)
        for number, brought in came.items()
        for _, kept in brought.files
    ]
    proved = [answer for told in prove_all(proofs) for _, answer in told]
    took = {"wall_s": time.monotonic() - wall_s, "cpu_s": time.process_time() - cpu_s}
    server.terminate()
    if len(proved) != images or not all(isinstance(one, Proved) for one in proved):
        raise RuntimeError(f"{len(proved)} of {images} images are proved")
    print(json.dumps(took | {"bytes": sum(one.answer_bytes for one in came.values())}))


def _serve(line: Connection[Any, Any], height: int, width: int) -> None:
    """Answer all requests, of which the last tiles of a row or column are smaller."""
    answers: dict[tuple[int, int], bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"]))
            size = json.loads(text)["grid"]["dimensions"]
            shape = size["height"], size["width"]
            pixels = answers[shape] if shape in answers else answers.setdefault(shape, _npy(*shape))
            head = _header(sorted(set(_NAME.findall(text.decode()))), shape)
            length = len(head) + len(pixels)
            self.wfile.write(f"HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n".encode())
            self.wfile.write(head)
            self.wfile.write(pixels)

    answers[height, width] = _npy(height, width)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    line.send(server.server_address[1])
    server.serve_forever()


def _header(names: list[str], shape: tuple[int, int]) -> bytes:
    """Return what an answer begins with, whose fields are called as they were asked for."""
    file = BytesIO()
    descr = list(zip(names, _CODES, strict=True))
    told = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, told)
    return file.getvalue()


def _npy(height: int, width: int) -> bytes:
    """Return pixels much like reflectances, with noise, of which a tenth is masked."""
    row, column = np.mgrid[0:height, 0:width]
    hills = (
        2500 + 1500 * np.sin(column / 97) * np.cos(row / 131) + 500 * np.sin((row + column) / 20)
    )
    draw = np.random.default_rng(1)
    values = np.clip(hills + draw.normal(0, 60, hills.shape), 0, 10_000)
    table = np.zeros((height, width), list(zip(("f0", "f1"), _CODES, strict=True)))
    table["f0"], table["f1"] = values, (row // 64 + column // 64) % 10 > 0
    table["f0"][table["f1"] == 0] = 0
    return table.tobytes()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
