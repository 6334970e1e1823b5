"""Configuration: where each value comes from, and what is refused in one line."""

from __future__ import annotations

import json
import re
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from geesync.cli.app import run
from geesync.config import Config, Loaded, load, needs_restart
from geesync.domain.choices.values import Duration, SizeBytes
from geesync.errors import ConfigError, ExitCode


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No file and no variable of this machine's user has a say."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GEESYNC_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def written(folder: Path, text: str) -> Path:
    file = folder / "geesync.toml"
    file.write_text(text)
    return file


def refusal(**how: object) -> str:
    with pytest.raises(ConfigError) as refused:
        load(**how)  # type: ignore[arg-type] # passed on as given
    assert refused.value.exit_code == ExitCode.CONFIG
    told = str(refused.value)
    assert "\n" not in told
    return told


def origin(loaded: Loaded, key: str) -> str:
    return next(origin for name, _, origin in loaded.values() if name == key)


def test_nothing_given_is_a_whole_configuration(tmp_path: Path) -> None:
    config = load().config

    assert config.ledger == tmp_path / ".local/share/geesync/geesync.db"
    assert config.throttle.max_operations == 100


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_a_file_is_utf_8_and_may_say_so(tmp_path: Path, mark: str) -> None:
    file = tmp_path / "geesync.toml"
    file.write_bytes(f"{mark}mirror = '/größer'".encode())

    assert load(file=file).config.mirror == Path("/größer")


def test_an_empty_variable_names_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEESYNC_CONFIG", "")

    assert load().config.bucket is None


def test_a_value_in_place_of_a_section_is_blamed_on_who_gave_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "[throttle]\ndownloads = 3")
    monkeypatch.setenv("GEESYNC_THROTTLE", "5")

    assert "from GEESYNC_THROTTLE)" in refusal(file=file)


def test_the_file_is_weaker_than_the_environment_and_that_than_a_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(
        tmp_path, "bucket = 'of-file'\n[throttle]\nmax_operations = 1\nmax_queue = 1\ndownloads = 1"
    )
    monkeypatch.setenv("GEESYNC_THROTTLE__MAX_QUEUE", "2")
    monkeypatch.setenv("GEESYNC_THROTTLE__DOWNLOADS", "2")

    loaded = load(file=file, flags={"throttle.downloads": 3, "bucket": None})

    throttle = loaded.config.throttle
    assert (throttle.max_operations, throttle.max_queue, throttle.downloads) == (1, 2, 3)
    assert loaded.config.bucket == "of-file"
    assert origin(loaded, "throttle.max_operations") == str(file)
    assert origin(loaded, "throttle.max_queue") == "GEESYNC_THROTTLE__MAX_QUEUE"
    assert origin(loaded, "throttle.downloads") == "flag"
    assert origin(loaded, "throttle.reserve") == "default"


def test_the_files_own_place_can_be_given_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEESYNC_CONFIG", str(written(tmp_path, "bucket = 'of-file'")))

    assert load().config.bucket == "of-file"


def test_the_users_file_is_found(tmp_path: Path) -> None:
    home = tmp_path / ".config/geesync"
    home.mkdir(parents=True)
    written(home, "bucket = 'of-user'")

    assert load().config.bucket == "of-user"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "no configuration file" in refusal(file=tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("nonsense = 1", "nonsense"),
        ("[throttle]\nnonsense = 1", "throttle.nonsense"),
        ("[nonsense]", "nonsense"),
        ("[nonsense]\na = 1", "nonsense"),
        ("throttle = 5", "throttle"),
        ("[bucket]\na = 1", "bucket"),
        ("bucket = 'No Bucket'", "bucket"),
        ("bucket = 5", "bucket"),
        ("mirror = ''", "mirror"),
        ("mirror = '~nobody-of-this-name/mirror'", "mirror"),
        ("[earth_engine]\nproject = 'x'", "earth_engine.project"),
        ("[throttle]\nmax_queue = 0", "throttle.max_queue"),
        ("[throttle]\nmax_queue = 3001", "throttle.max_queue"),
        ("[throttle]\nrequests_per_s = 0", "throttle.requests_per_s"),
        ("[throttle]\nrequests_per_s = inf", "throttle.requests_per_s"),
        ("[throttle]\nrequests_per_s = nan", "throttle.requests_per_s"),
        ("[throttle]\nrequests_per_s = 1e-300", "throttle.requests_per_s"),
        ("[throttle]\nsubmit_wait = -5", "throttle.submit_wait"),
        ("[throttle]\nsubmit_wait = 1e9999", "throttle.submit_wait"),
        ("[storage]\nurl = 'ftp://x'", "storage.url"),
        ("[throttle]\nreserve = '-1'", "throttle.reserve"),
        ("[throttle]\nreserve = 'lots'", "throttle.reserve"),
        ("[schedule]\ndiscover = 0", "schedule.discover"),
        ("[schedule]\ndiscover = 'soon'", "schedule.discover"),
        ("[schedule]\ndiscover = '99999999999d'", "schedule.discover"),
        ("[schedule]\ndiscover = '9999999d'", "schedule.discover"),
        ("[log]\nformat = 'xml'", "log.format"),
        ("[storage]\nsweep = 'perhaps'", "storage.sweep"),
    ],
)
def test_what_is_unknown_or_impossible_is_refused_by_name(
    tmp_path: Path, text: str, named: str
) -> None:
    file = written(tmp_path, text)

    told = refusal(file=file)

    assert f"`{named}" in told
    assert str(file) in told or "section" in told


@pytest.mark.parametrize("text", ["a = ", "\x00", "[a]\n[a]", "a = 1\na = 2"])
def test_what_is_no_toml_is_refused(tmp_path: Path, text: str) -> None:
    assert "no valid TOML" in refusal(file=written(tmp_path, text))


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("GEESYNC_NONSENSE", "1", "nonsense"),
        ("GEESYNC_THROTTLE__NONSENSE", "1", "throttle.nonsense"),
        ("GEESYNC_THROTTLE", "1", "throttle"),
        ("GEESYNC_BUCKET__NAME", "b", "bucket"),
        ("GEESYNC_THROTTLE__MAX_QUEUE", "many", "throttle.max_queue"),
    ],
)
def test_a_variable_that_means_nothing_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: str
) -> None:
    monkeypatch.setenv(variable, value)

    told = refusal()

    assert f"`{named}" in told


def test_a_missing_value_says_where_it_can_be_set() -> None:
    with pytest.raises(ConfigError, match="GEESYNC_EARTH_ENGINE__PROJECT"):
        load().config.need("earth_engine.project")


def test_paths_are_absolute_and_know_the_home(tmp_path: Path) -> None:
    config = load(flags={"mirror": "~/mirror", "ledger": "here.db"}).config

    assert config.mirror == tmp_path / "mirror"
    assert config.ledger == Path.cwd() / "here.db"


def test_paths_in_a_file_are_relative_to_it_from_wherever_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "there/geesync.toml"
    file.parent.mkdir()
    file.write_text(
        'ledger = "geesync.db"\nmirror = "~/mirror"\nbucket = "some-bucket"\n'
        '[earth_engine]\ncredentials = "../key.json"\n'
    )
    monkeypatch.chdir(tmp_path)

    config = load(file=Path("there/geesync.toml"), flags={}).config

    assert config.ledger == file.with_name("geesync.db")
    assert config.mirror == tmp_path / "mirror"
    assert config.bucket == "some-bucket"
    assert config.earth_engine.credentials == tmp_path / "there/../key.json"


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        (" 1.5 h ", timedelta(minutes=90)),
        ("1d", timedelta(days=1)),
    ],
)
def test_durations_are_written_as_people_do(text: str, wait: timedelta) -> None:
    assert TypeAdapter(Duration).validate_python(text) == wait


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("5", 5),
        ("1K", 1024),
        ("500M", 500 * 1024**2),
        ("20 GiB", 20 * 1024**3),
        ("1.5g", 3 * 2**29),
    ],
)
def test_sizes_are_written_as_people_do(text: str, size_bytes: int) -> None:
    assert TypeAdapter(SizeBytes).validate_python(text) == size_bytes


@given(st.one_of(st.text(), st.from_regex(r"\d{1,400}(\.\d+)?[smhdKMGT]")))
def test_any_text_is_a_duration_and_a_size_or_refused(text: str) -> None:
    for kind in (Duration, SizeBytes):
        try:
            value = TypeAdapter(kind).validate_python(text)
        except ValidationError:
            continue
        assert value is not None


def test_dask_needs_to_know_its_scheduler(tmp_path: Path) -> None:
    file = tmp_path / "geesync.toml"
    file.write_text('[workers]\nexecutor = "dask"\n')

    with pytest.raises(ConfigError, match=r"`workers\.scheduler` is not set"):
        load(file=file)


def test_another_executor_needs_a_restart() -> None:
    dask = {"executor": "dask", "scheduler": "tcp://head:8786"}

    told = needs_restart(Config(), Config.model_validate({"workers": dask}))

    assert told == ["workers.executor", "workers.scheduler"]


TOML = st.recursive(
    st.one_of(
        *(st.integers(), st.booleans(), st.floats(), st.text(max_size=8).map(json.dumps)),
        st.sampled_from(["1979-05-27", "'6h'", '"20G"', "inf", "0x_", "'''", "+"]),
    ).map(lambda value: str(value).lower() if isinstance(value, bool) else str(value)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        inner.map(lambda value: f"{{x = {value}}}"),
    ),
    max_leaves=4,
)
KEYS = st.sampled_from(
    [
        *("ledger", "mirror", "bucket", "masks", "include", "keep_versions", "newer_than", "acl"),
        *("throttle", "throttle.downloads", "throttle.bandwidth", "schedule.retry", "web.listen"),
        *("earth_engine.credentials", "notify.urls", "notify.command", "log.level", "no.such.key"),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, TOML, max_size=4))
@example({"include": "[" * 100_000})
@example({"mirror": '"~nobody-of-this-name/x"'})
@example({"ledger": '"a\\u0000b"'})
def test_any_file_is_a_configuration_or_a_reason_in_one_line(keys: dict[str, str]) -> None:
    text = "\n".join(f"{key} = {value}" for key, value in keys.items())
    with TemporaryDirectory() as folder:
        file = Path(folder) / "geesync.toml"
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            told = str(load(file=file))
        except ConfigError as error:
            told = str(error)

    assert told
    assert "\n" not in told


@pytest.mark.parametrize("urls", ['[["mailto://me:hunter2@x"]]', '{ a = "mailto://me:hunter2@x" }'])
def test_an_address_of_a_wrong_kind_is_refused_without_its_password(
    tmp_path: Path, urls: str
) -> None:
    file = tmp_path / "geesync.toml"
    file.write_text(f"notify.urls = {urls}\n")

    with pytest.raises(ConfigError, match=r"notify\.urls") as caught:
        load(file=file)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "key", "expected"),
    [
        ("WEB__HOSTS", '["a", "b"]', "web.hosts", ["a", "b"]),
        ("TABLES", '["csv"]', "tables", ["csv"]),
        ("EXCLUDE", "[ab]*", "exclude", ["[ab]*"]),
        ("NOTIFY__COMMAND", '["mail", "a b"]', "notify.command", ["mail", "a b"]),
    ],
)
def test_a_list_in_the_environment_may_be_json(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, key: str, expected: object
) -> None:
    monkeypatch.setenv(f"GEESYNC_{variable}", value)

    assert {name: told for name, told, _ in load().values()}[key] == expected


@pytest.mark.parametrize(
    "value", ['["ntfy://me:hunter2@x",]', "[ 'hunter2']", "[ntfy://me:hunter2@x]", "[a, b"]
)
@pytest.mark.parametrize("variable", ["NOTIFY__URLS", "WEB__HOSTS", "NOTIFY__COMMAND", "EXCLUDE"])
def test_a_list_in_the_environment_that_is_no_json_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(f"GEESYNC_{variable}", value)

    told = refusal()

    assert told.startswith(f"GEESYNC_{variable} is no list in JSON")
    assert "hunter2" not in told


#: What no person says: names of types, of pydantic's checks, and regular expressions.
JARGON = re.compile(
    r"\^|\[a-z|timedelta|pattern|\binteger|\bstring\b|tuple|dictionary|instance|parse|input should"
    r"|value error|\bstr\b|\bint\b"
)


@pytest.mark.parametrize("value", [-1, 1.5, "No such", [[]], {"a": 1}, True, ""])
def test_no_key_answers_a_wrong_value_with_types_or_patterns(value: object) -> None:
    keys = [key for key, _, _ in load().values() if key != "derive"]

    for key in [*keys, "derive.job.from", "derive.job.function", "derive.job.grid"]:
        try:
            load(flags={key: value})
        except ConfigError as error:
            told = str(error)
            if not isinstance(value, str):
                told = told.partition(", got ")[0]
            assert key.split(".")[0] in told
            assert not JARGON.search(told), told


@pytest.mark.parametrize("value", [1e300, 10**30])
def test_no_number_is_so_large_that_nothing_can_be_computed_with_it(value: float) -> None:
    numbers = [key for key, given, _ in load().values() if type(given) in {int, float}]
    assert len(numbers) > 15

    for key in [*numbers, "throttle.eecu_hours_per_month"]:
        with pytest.raises(ConfigError, match=key):
            load(flags={key: value})


def test_what_is_shown_is_a_file_that_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(
        tmp_path,
        """\
exclude = ["a b", 'quoted "so"']
newer_than = 2024-12-31
[throttle]
reserve = "1.5G"
submit_wait = "0.25s"
[direct]
reread = "7%"
[notify]
urls = ["ntfy://me:hunter2@x"]
[derive."my job"]
collection = "users/x/c"
into = "users/x/d"
from = 2024-01-01
""",
    )
    monkeypatch.setenv("GEESYNC_CONFIG", str(file))
    monkeypatch.setattr(sys, "argv", ["geesync", "config", "show"])
    loaded = load().config

    assert run() == ExitCode.OK

    shown = capsys.readouterr().out
    assert 'reserve = "1536M"' in shown
    assert '# urls = ["**********"]' in shown
    again = load(file=written(tmp_path, shown)).config
    assert again == loaded.model_copy(update={"notify": again.notify})
