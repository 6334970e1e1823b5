from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import httpx
import numpy as np
import pytest
import rasterio

from geesync.adapters.formats.quicklook import EDGE, quicklook
from geesync.adapters.mirror_files.folders import folder
from geesync.config import Config
from geesync.domain.mirror.lifecycle import State
from geesync.domain.state_machine import Refused
from geesync.errors import Cause, UserError
from geesync.store.ledger.steering import Steering
from geesync.web.app import build
from geesync.web.server import server, url
from tests.web.asking import Asking
from tests.web.conftest import Scenes
from tests.web.ledgers import HOME, NOW, Story

PAGES = ("/", "/?span=all&map=world", "/assets", f"/asset?name={HOME}/alps/scene_0000")


def client(story: Story) -> Asking:
    app = build(story.path, hosts=["localhost"], clock=lambda: NOW)
    return Asking(app)


def test_an_empty_ledger_says_how_to_begin(story: Story) -> None:
    page = client(story).get("/").text

    assert "Nothing is watched yet" in page
    assert "geesync enqueue" in page


def test_the_first_page_says_how_far_how_fast_and_until_when(scene: Scenes) -> None:
    story = scene("busy")

    page = client(story).get("/").text

    assert "60.0 %" in page
    assert "144 of 240 assets are on disk and proved" in page
    assert re.search(r"At \d+ an hour, the rest takes .* until", page)
    assert "2 running and 38 queued in the project, 4 of them other people" in page


def test_one_asset_is_told_in_the_singular(story: Story) -> None:
    story.discover(story.enqueue(), 1)

    page = client(story).get("/").text

    assert "0 of 1 asset is on disk and proved" in page
    assert ">1 asset to go<" in page
    assert "Map of 1 place in" in page


def test_what_went_wrong_is_told_with_what_to_do(scene: Scenes) -> None:
    story = scene("troubled")

    page = client(story).get("/").text

    assert "no valid (un-masked) pixels in the export" in page
    assert "make room on the mirror" in page
    assert "was not believed" in page
    assert "The downloader waits" in page


def test_trouble_stands_above_the_numbers_and_quarantine_above_what_waits(scene: Scenes) -> None:
    page = client(scene("troubled")).get("/").text

    assert page.index("What went wrong") < page.index("At a glance")
    assert page.index("11 quarantined") < page.index("3 quarantined") < page.index("6 discovered")
    assert "What went wrong" not in client(scene("busy")).get("/").text


def test_the_advice_names_the_asset(story: Story) -> None:
    names = story.discover(story.enqueue(), 2)
    story.tell(names[:1], Refused("no valid pixels", cause=Cause.FAILED))
    ask = client(story).get

    for page in (ask("/"), ask("/asset", params={"name": names[0]})):
        assert "geesync retry users/demo/alps/scene_0000 tries again" in page.text


def test_how_many_match_is_told(story: Story) -> None:
    story.discover(story.enqueue(), 130)
    ask = client(story).get

    assert "130 assets</p>" in ask("/assets").text
    assert "130 assets</p>" in ask("/assets?after=100").text
    assert "1 asset</p>" in ask("/assets?text=scene_0007").text


def test_an_asset_leads_to_the_code_editor(story: Story) -> None:
    (name,) = story.discover(story.enqueue(), 1)

    page = client(story).get("/asset", params={"name": name}).text

    assert 'href="https://code.earthengine.google.com/?asset=users/demo/alps/scene_0000"' in page


def test_images_without_files_have_no_picture(story: Story) -> None:
    names = story.discover(story.enqueue(), 3)
    story.bring(names, State.VERIFIED)
    story.land(names[:1], NOW)

    page = client(story).get("/").text

    assert page.count("/quicklook/") == 1


def test_the_direct_way_is_told_as_what_it_is(story: Story) -> None:
    story.discover(story.enqueue(), 1)
    direct = {"at_once": 5, "most_at_once": 10, "answers_per_s": 2.8, "bytes_per_s": 1e6}
    brake = {"name": "direct", "text": "5 of 10 answers at a time", "holds": False}
    story.beat(direct=direct | {"slowed_down": False}, brakes=[brake])

    page = client(story).get("/").text

    assert "2.8 answers/s<small>5 of 10 at once" in page
    assert "5 of 10 answers at a time" in page
    assert "Queue at Earth Engine" not in page
    assert "In the bucket" not in page


def test_an_archive_that_is_complete_says_so(scene: Scenes) -> None:
    story = scene("done")

    page = client(story).get("/").text

    assert "100 %" in page
    assert "Complete." in page


@pytest.mark.parametrize("asked", ["/assets", "/assets?state=discovered"])
def test_pages_of_assets_follow_one_another_without_a_gap(story: Story, asked: str) -> None:
    names = story.discover(story.enqueue(), 230)
    for number, name in enumerate(names):
        Steering(story.database).prioritize(name, number % 3)
    seen: list[str] = []

    while asked:
        page = client(story).get(asked).text
        seen += re.findall(r"name=([\w/%.-]+?)\"", page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        asked = following[1].replace("&amp;", "&") if following else ""

    assert [unquote(name) for name in seen] == names


def test_assets_are_found_by_state_cause_and_name(scene: Scenes) -> None:
    story = scene("troubled")

    ask = client(story).get

    assert ask("/assets?state=quarantined").text.count('scope="row"') == 14
    assert ask("/assets?cause=cancelled").text.count('scope="row"') == 3
    assert ask("/assets?text=scene_0017").text.count('scope="row"') == 1


def test_what_no_file_can_hold_is_listed_with_its_reason(story: Story) -> None:
    names = story.discover(story.enqueue(), 3)
    story.bring(names, State.VERIFIED)
    story.ledger.leave_out({2: "band b holds arrays, which no GeoTIFF can"})

    ask = client(story).get

    assert 'href="/assets?left_out=1"' in ask("/").text
    page = ask("/assets?left_out=1").text
    assert page.count('scope="row"') == 1
    assert names[1] in page
    assert "left out: band b holds arrays" in page


def test_an_id_in_the_search_leads_to_its_asset(story: Story) -> None:
    story.discover(story.enqueue(), 1)

    answer = client(story).get("/assets", params={"text": "users/demo/alps/scene_0000"})

    assert answer.status_code == 307
    assert answer.headers["location"].startswith("/asset?name=projects%2F")


def test_one_asset_shows_its_history(story: Story) -> None:
    (name,) = story.discover(story.enqueue(), 1)
    story.bring([name], State.VERIFIED)

    page = client(story).get("/asset", params={"name": name}).text

    for told in (
        "Discovered",
        "Export started",
        "Check passed",
        "users/demo/alps",
        "None was asked for",
    ):
        assert told in page, told


def test_an_unknown_asset_is_a_page_too(story: Story) -> None:
    answer = client(story).get("/asset?name=users/nobody/nothing")

    assert answer.status_code == 404
    assert "Not here" in answer.text


def test_what_comes_from_outside_is_text_and_never_markup(story: Story) -> None:
    root = story.enqueue()
    (name,) = story.discover(root, 1)
    story.roots.update(root.id, alarm="<script>alert(1)</script>")
    search = "/assets?text=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"

    for page in ("/", search, f"/asset?name={name}"):
        assert "<script>alert" not in client(story).get(page).text


@pytest.mark.parametrize("page", PAGES)
def test_no_page_asks_another_host_or_runs_anything_inline(scene: Scenes, page: str) -> None:
    story = scene("busy")

    answer = client(story).get(page)

    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    asked = re.sub(r'<a href="https://code[.]earthengine[.]google[.]com/[^>]*>', "", answer.text)
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', asked)
    assert not re.findall(r"<style|<script(?! src=)| style=| on\w+=", answer.text)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_done_with_it(story: Story, method: str) -> None:
    assert client(story).request(method, "/").status_code == 405


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.2"])
def test_a_foreign_name_for_this_machine_is_refused(story: Story, host: str) -> None:
    answer = client(story).get("/", headers={"host": host})

    assert answer.status_code == 400
    assert "verified" not in answer.text


def test_machines_get_the_same_truth(scene: Scenes) -> None:
    story = scene("busy")

    told = client(story).get("/status.json").json()
    metrics = client(story).get("/metrics")

    assert told["roots"][0]["counts"]["verified"] == 144
    assert 'geesync_assets{root="users/demo",state="verified"} 144.0' in metrics.text


def test_health_is_the_daemons_and_not_the_assets(story: Story, scene: Scenes) -> None:
    assert client(story).get("/healthz").status_code == 503
    assert client(scene("troubled")).get("/healthz").text == "ok\n"


def test_a_service_whose_steps_hang_or_in_which_nothing_moves_is_ill(scene: Scenes) -> None:
    story, later = scene("busy"), NOW + timedelta(hours=2)

    def told(at: datetime) -> str:
        return Asking(build(story.path, hosts=["localhost"], clock=lambda: at)).get("/healthz").text

    story.beat(stalled=["verifier"])
    assert told(NOW) == "the verifier hangs\n"
    story.beat(later, downloader="the disk is full")
    assert told(later) == "ok\n"  # there is a reason
    story.beat(later)
    assert told(later) == "nothing has moved for 2 h 0 min, and nothing says why\n"


@pytest.mark.parametrize("path", ["/", "/assets", "/status.json", "/metrics", "/healthz"])
def test_a_ledger_whose_disk_does_not_answer_is_told(tmp_path: Path, path: str) -> None:
    app = build(tmp_path / "unmounted/geesync.db", hosts=["localhost"], clock=lambda: NOW)

    answer = Asking(app).get(path)

    assert answer.status_code == 503
    assert "unmounted/geesync.db" in answer.text


def test_a_daemon_that_fell_silent_is_ill(story: Story) -> None:
    story.beat(NOW - timedelta(minutes=5))

    answer = client(story).get("/healthz")

    assert (answer.status_code, "no sign of life" in answer.text) == (503, True)


# --- Quick-looks


def geotiff(path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint16]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = pixels.shape
    transform = rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype="uint16",
        crs="EPSG:32632", transform=transform, nodata=0,
    ) as dataset:  # fmt: skip
        dataset.write(pixels)


def look(mirror: Path, *files: str) -> bytes | None:
    with folder(mirror, "users/demo/img", create=False) as place:
        return quicklook(place, files)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_quicklook_is_small_and_shows_the_mask(story: Story, tmp_path: Path) -> None:
    pixels = np.arange(2 * 900 * 700, dtype=np.uint16).reshape(2, 900, 700)
    pixels[:, :450] = 0
    geotiff(story.mirror / "users/demo/img/img.tif", pixels)

    picture = look(story.mirror, "img.tif")

    assert picture
    (tmp_path / "look.png").write_bytes(picture)
    with rasterio.open(tmp_path / "look.png") as shown:
        alpha = shown.read(4)
    assert max(alpha.shape) <= EDGE
    assert not alpha[: alpha.shape[0] // 3].any()
    assert alpha[-alpha.shape[0] // 3 :].all()


def test_a_quicklook_never_follows_a_link_out_of_the_mirror(story: Story, tmp_path: Path) -> None:
    geotiff(tmp_path / "secret.tif", np.ones((1, 8, 8), np.uint16))
    place = story.mirror / "users/demo/img"
    place.mkdir(parents=True)
    (place / "img.tif").symlink_to(tmp_path / "secret.tif")

    assert look(story.mirror, "img.tif") is None


def test_what_is_no_image_has_no_quicklook(story: Story) -> None:
    place = story.mirror / "users/demo/img"
    place.mkdir(parents=True)
    (place / "img.tif").write_bytes(b"not a TIFF")

    assert look(story.mirror, "img.tif") is None
    assert client(story).get("/quicklook/1.png").status_code == 404


# --- Serving


@contextmanager
def serving(config: Config) -> Iterator[str]:
    page, listening = server(config)
    thread = threading.Thread(target=page.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield url(listening)
    finally:
        page.should_exit = True
        thread.join(10)


def test_it_listens_on_loopback(story: Story) -> None:
    config = Config.model_validate({"ledger": story.path, "web": {"listen": "127.0.0.1:0"}})

    with serving(config) as address:
        answer = httpx.get(address + "healthz")

    assert answer.status_code == 503
    assert "server" not in answer.headers


def test_it_listens_on_a_unix_socket_for_its_group_only(story: Story, tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    config = Config.model_validate({"ledger": story.path, "web": {"listen": f"unix:{path}"}})

    with serving(config), httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as asking:
        answer = asking.get("http://anything/status.json")
        mode = path.stat().st_mode & 0o777

    assert answer.json()["roots"] == []
    assert mode == 0o660


def test_an_address_that_is_taken_is_told_in_one_line(story: Story) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        config = Config.model_validate({"ledger": story.path, "web": {"listen": address}})

        with pytest.raises(UserError, match="cannot listen on"):
            server(config)


@pytest.mark.parametrize("listen", ["8470", "localhost", "http://x:1", "unix:", "a b:1"])
def test_an_address_that_is_none_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="listen"):
        Config.model_validate({"web": {"listen": listen}})


def test_a_page_that_may_only_read_the_mirror_shows_pictures_all_the_same(story: Story) -> None:
    geotiff(story.mirror / "users/demo/img/img.tif", np.ones((1, 8, 8), np.uint16))

    assert look(story.mirror, "img.tif")
    assert os.listdir(story.mirror / ".geesync") == []  # noqa: PTH208 # names only


@pytest.fixture
def served(story: Story) -> Iterator[int]:
    """The port of a page that is served."""
    config = Config.model_validate({"ledger": story.path, "web": {"listen": "127.0.0.1:0"}})
    with serving(config) as address:
        yield int(address.rstrip("/").rpartition(":")[2])


def test_silent_connections_keep_nobody_else_out(served: int) -> None:
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(("127.0.0.1", served)))

        told = {
            path: httpx.get(f"http://127.0.0.1:{served}{path}").text
            for path in ("/", "/metrics", "/healthz")
        }

    assert "<html" in told["/"]
    assert "# HELP" in told["/metrics"]
    assert "Service Unavailable" not in told["/healthz"]


def test_a_request_with_two_hosts_is_refused(served: int) -> None:
    with socket.create_connection(("127.0.0.1", served)) as asking:
        asking.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")

        assert asking.recv(64).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("number", ["9" * 26, "9" * 5000, "-1", "x"])
def test_a_quick_look_of_no_assets_number_is_not_found(served: int, number: str) -> None:
    told = httpx.get(f"http://127.0.0.1:{served}/quicklook/{number}.png")
    listed = httpx.get(f"http://127.0.0.1:{served}/assets?after={number}")

    assert told.status_code == 404
    assert listed.status_code == 200
