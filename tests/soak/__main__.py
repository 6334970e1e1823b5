"""``python -m tests.soak --assets 2000 --kills 1000``: a long soak, and its verdict."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from geesync.simulator.profiles import named
from tests.soak.soak import Plan, Soak


def main() -> int:
    """Run a soak; return 0 if everything is as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--assets", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--profile", default="hell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speed", type=float, default=3600.0)
    parser.add_argument("--burst-s", type=float, default=1.0, help="longest bad moment, real")
    parser.add_argument("--latency-s", type=float, default=0.02, help="of each answer, real")
    parser.add_argument("--settle-within-s", type=float, default=3600.0)
    parser.add_argument("--folder", type=Path, help="kept; else a temporary one")
    given = parser.parse_args()
    plan = Plan(
        assets=given.assets,
        kills=given.kills,
        profile=replace(named(given.profile), burst_s=given.burst_s, latency_s=given.latency_s),
        seed=given.seed,
        speed=given.speed,
        settle_within_s=given.settle_within_s,
    )
    with tempfile.TemporaryDirectory(prefix="geesync-soak-") as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        verdict = Soak(plan, folder, lambda line: print(line, flush=True)).run()
    for name, value in asdict(verdict).items():
        told = f"{len(value)} {value[:5]}" if isinstance(value, list) else value
        print(f"{name:16} {told}")
    print("good" if verdict.good else "NOT GOOD")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
