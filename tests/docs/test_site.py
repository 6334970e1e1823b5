"""The documentation can be built as a site, and no page is missing from it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_site_is_built_without_a_warning_and_names_every_page(tmp_path: Path) -> None:
    built = subprocess.run(
        [
            *(sys.executable, "-m", "mkdocs", "build", "--strict"),
            *("--config-file", ROOT / ".mkdocs.yml", "--site-dir", tmp_path),
        ],
        check=False,
        capture_output=True,
        text=True,
    )

    assert built.returncode == 0, built.stderr
    assert "not included in the" not in built.stderr
    assert (tmp_path / "index.html").exists()
