"""``… FOLDER``: a mirror in the way of scripts around ``earthengine`` and ``gsutil``.

As such scripts are described by those who published them: a listing, one process for each asset
that is looked at, a file for each that is not done, the task list before each export, and for each
task one process a poll; then one copy for each asset. Today's ``gcloud storage`` stands in for
``gsutil``, which speaks to nothing on loopback. The removal of each copied object is left out, in
the scripts' favour: ``gcloud`` asks for it by a batch that the simulator's bucket does not answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = "projects/demo-project/assets/archive/c0000"

#: More tasks than these are not started.
_MOST_TASKS = 20


class Scripts:
    """The three scripts, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._told = json.loads((folder / "simulator.json").read_text())
        self._key = str(folder / "key.json")
        self._target = folder / "work"
        self._environment = {
            **os.environ,
            "CLOUDSDK_CONFIG": str(folder / "gcloud"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{self._told['storage']}/storage/v1/",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CORE_PROJECT": self._told["project"],
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        }

    def run(self) -> None:
        """List, export, and fetch."""
        images = self._not_done()
        tasks = self._exported(images)
        while tasks:
            self._earthengine("task", "list")
            for name, task in list(tasks.items()):
                if "SUCCEEDED" in self._earthengine("task", "info", task):
                    self._fetch(name)
                    del tasks[name]

    def _not_done(self) -> list[str]:
        """Look at every asset, and leave a file for each image."""
        names = self._earthengine("ls", "-r", ROOT).split()
        images = [name for name in names if self._info(name)["type"] == "IMAGE"]
        for name in images:
            folder = self._target / name
            folder.mkdir(parents=True)
            (folder.parent / f"{folder.name}.notDone.txt").touch()
        return images

    def _info(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._earthengine("asset", "info", name))
        return told

    def _exported(self, images: list[str]) -> dict[str, str]:
        """Start a task for each image; return their ids."""
        import ee  # noqa: PLC0415 # the scripts that only copy have no use for it

        credentials = ee.ServiceAccountCredentials(None, self._key)
        ee.Initialize(credentials, project=self._told["project"], url=self._told["earth_engine"])
        tasks = {}
        for name in images:
            while self._earthengine("task", "list").count("RUNNING") > _MOST_TASKS:
                time.sleep(1)
            grid = self._info(name)["bands"][0]["grid"]
            task = ee.batch.Export.image.toCloudStorage(
                image=ee.Image(name),
                description=name.rpartition("/")[2],
                bucket=self._told["bucket"],
                fileNamePrefix=f"{name}/{name.rpartition('/')[2]}",
                crs=grid["crsCode"],
                crsTransform=[
                    grid["affineTransform"].get(key, 0)
                    for key in ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
                ],
                dimensions=f"{grid['dimensions']['width']}x{grid['dimensions']['height']}",
                maxPixels=10**13,
            )
            task.start()
            tasks[name] = str(task.id)
        return tasks

    def _fetch(self, name: str) -> None:
        place = f"gs://{self._told['bucket']}/{name}"
        self._call("gcloud", "storage", "cp", "-r", f"{place}/*", str(self._target / name))
        (self._target / f"{name}.notDone.txt").unlink()

    def _earthengine(self, *command: str) -> str:
        program = str(Path(sys.executable).with_name("earthengine"))
        key = ["--service_account_file", self._key, "--project", self._told["project"]]
        return self._call(program, *key, *command)

    def _call(self, *argv: str) -> str:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, env=self._environment
        )
        if done.returncode:
            sys.exit(f"{argv}: {done.stdout}{done.stderr}")
        return done.stdout


if __name__ == "__main__":
    Scripts(Path(sys.argv[1])).run()
