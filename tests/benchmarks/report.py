"""Results as tables, for a terminal and for the page; and the machine on which they came about."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

#: What is asked for its version: the program, and the argument that makes it tell.
_PROGRAMS = {"nginx": "-v", "rclone": "version", "gcloud": "version", "curl": "--version"}

_LIBRARIES = ("google-cloud-storage", "earthengine-api", "pycurl", "rasterio", "sqlalchemy")


@dataclass(frozen=True)
class Table:
    """Figures under a title. The first column is text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """Return it as it stands on the page."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = [_line(self.columns, widths), "|---" + "|--:" * (len(widths) - 1) + "|"]
        lines += [_line(row, widths) for row in self.rows]
        note = f"\n\n{self.note}" if self.note else ""
        return f"**{self.title}**\n\n" + "\n".join(lines) + note


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = [
        cell.rjust(width) if at else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join([first, *rest])} |"


def machine(places: Sequence[Path]) -> str:
    """Return what the figures depend on: processor, memory, file systems, versions; no names."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    systems = ", ".join(kind for kind in dict.fromkeys(map(_file_system, places)))
    load = os.getloadavg()[2]
    return (
        f"{os.cpu_count()} × {found[1] if found else platform.machine()},"
        f" {memory / 2**30:.0f} GiB memory, Linux {platform.release().split('-')[0]}, {systems};"
        f" load in the last quarter of an hour {load:.1f}. Python {platform.python_version()},"
        f" {', '.join([*_programs(), *_libraries()])}."
    )


def _programs() -> list[str]:
    told = []
    for program, argument in _PROGRAMS.items():
        if shutil.which(program):
            answer = subprocess.run([program, argument], capture_output=True, text=True, check=True)
            version = re.search(r"\d+(\.\d+)+", answer.stdout + answer.stderr)
            told.append(f"{program} {version[0] if version else '?'}")
    return told


def _libraries() -> list[str]:
    return [f"{name} {metadata.version(name)}" for name in _LIBRARIES]


def _file_system(place: Path) -> str:
    argv = ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", str(place)]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return told.split()[-1]


def write(page: Path, name: str, command: str, where: str, tables: Sequence[Table]) -> None:
    """Put a benchmark's results where the page keeps them: between two comments."""
    text = page.read_text()
    begin, end = f"<!-- results: {name} -->", f"<!-- end: {name} -->"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page} has no place for {name}")
    told = "\n\n".join(table.markdown() for table in tables)
    made = f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, on {where}"
    page.write_text(f"{head}{begin}\n\n{made}\n\n{told}\n\n{end}{tail}")
