"""Keys: found in their order, kept for this user alone, bound to one server, silent about what they are."""

from __future__ import annotations

import os
import stat
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import keyring.core
import pytest

from h2a_agent.catalogue import ProviderInfo, presets
from h2a_agent.config_error import ConfigError
from h2a_agent.keys import Keys
from h2a_agent.redact import REDACTED, redact

DEEPSEEK = presets()["deepseek"]
VALUE = "sk-0123456789abcdef"

BACK_END = """
    import json, pathlib, threading
    from keyring.backend import KeyringBackend
    from keyring.errors import PasswordDeleteError

    STORE = pathlib.Path(__file__).with_name("ring.json")
    NEVER = threading.Event()

    class Keyring(KeyringBackend):
        priority = 1
        def _all(self):
            return json.loads(STORE.read_text()) if STORE.exists() else {}
        def get_password(self, service, name):
            return self._all().get(f"{service} {name}")
        def set_password(self, service, name, value):
            STORE.write_text(json.dumps(self._all() | {f"{service} {name}": value}))
        def delete_password(self, service, name):
            kept = self._all()
            if kept.pop(f"{service} {name}", None) is None:
                raise PasswordDeleteError("not there")
            STORE.write_text(json.dumps(kept))

    class Silent(Keyring):
        def get_password(self, service, name):
            NEVER.wait()

    class Broken(Keyring):
        def get_password(self, service, name):
            raise RuntimeError("the service is gone")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "config" / "keys"


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A keyring in a file, loaded as keyring loads any back end; gives its folder."""
    (tmp_path / "ring_of_the_test.py").write_text(textwrap.dedent(BACK_END), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    before = keyring.core.get_keyring()
    keyring.core.set_keyring(keyring.core.load_keyring("ring_of_the_test.Keyring"))
    yield tmp_path
    if (module := sys.modules.pop("ring_of_the_test", None)) is not None:
        module.NEVER.set()
    keyring.core.set_keyring(before)


def use(name: str) -> None:
    keyring.core.set_keyring(keyring.core.load_keyring(f"ring_of_the_test.{name}"))


def found(keys: Keys, info: ProviderInfo = DEEPSEEK) -> tuple[str, str] | None:
    key = keys.find(info)
    return None if key is None else (key.value, key.source)


# ----------------------------------------------------------------------- the order


def test_environment_beats_keyring_beats_file(folder: Path, ring: Path) -> None:
    file = folder / "deepseek@api.deepseek.com"
    folder.mkdir(mode=0o700, parents=True)
    file.write_text("of-the-file\n", "utf-8")
    file.chmod(0o600)
    assert found(Keys(folder, {})) == ("of-the-file", str(file))
    keyring.set_password("h2a-chat", "deepseek@api.deepseek.com", "of-the-keyring")
    assert found(Keys(folder, {})) == ("of-the-keyring", "keyring")
    environ = {"DEEPSEEK_API_KEY": "of-the-environment"}
    assert found(Keys(folder, environ)) == ("of-the-environment", "DEEPSEEK_API_KEY")
    assert found(Keys(folder, {"DEEPSEEK_API_KEY": " "})) == ("of-the-keyring", "keyring")


def test_only_the_given_environment_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", VALUE)
    assert found(Keys(folder, {})) is None


@pytest.mark.parametrize("name", ["Silent", "Broken"])
def test_a_keyring_that_does_not_answer_is_passed_over(folder: Path, ring: Path, name: str) -> None:
    use("Broken")
    Keys(folder, {}).store(DEEPSEEK, VALUE)
    use(name)
    assert found(Keys(folder, {})) == (VALUE, str(folder / "deepseek@api.deepseek.com"))


def test_white_space_around_a_key_is_taken_off(folder: Path, ring: Path) -> None:
    assert found(Keys(folder, {"DEEPSEEK_API_KEY": f"  {VALUE}\n"})) == (VALUE, "DEEPSEEK_API_KEY")
    keyring.set_password("h2a-chat", "deepseek@api.deepseek.com", f"{VALUE}\n")
    assert found(Keys(folder, {})) == (VALUE, "keyring")


# -------------------------------------------------------------------- one server


@pytest.mark.parametrize(
    "elsewhere", ["https://proxy.example", "http://api.deepseek.com", "https://api.deepseek.com:8443"]
)
def test_a_kept_key_is_for_one_place_and_no_other(folder: Path, elsewhere: str) -> None:
    keys = Keys(folder, {"DEEPSEEK_API_KEY": VALUE})
    keys.store(DEEPSEEK, VALUE)
    assert found(keys, DEEPSEEK.at("https://api.deepseek.com/other/path")) is not None
    assert found(keys, DEEPSEEK.at(elsewhere)) is None


def test_a_given_key_is_for_one_place_and_no_other(folder: Path) -> None:
    keys = Keys(folder, {})
    keys.give(DEEPSEEK.at("https://proxy.example"), VALUE, "H2A_API_KEY")
    assert found(keys, DEEPSEEK.at("https://proxy.example")) == (VALUE, "H2A_API_KEY")
    assert found(keys) is None


# ------------------------------------------------------------------------- keeping


def test_a_key_is_kept_in_the_keyring_where_there_is_one(folder: Path, ring: Path) -> None:
    keys = Keys(folder, {})
    assert keys.store(DEEPSEEK, VALUE) == "keyring"
    assert not folder.exists()
    assert keys.delete(DEEPSEEK) == ["keyring"]
    assert found(keys) is None
    assert keys.delete(DEEPSEEK) == []


def test_without_a_keyring_it_is_a_file_for_this_user_alone(folder: Path) -> None:
    """The back end of all other tests takes everything and keeps nothing."""
    before = os.umask(0)
    try:
        where = Path(Keys(folder, {}).store(DEEPSEEK, f" {VALUE} \n"))
    finally:
        os.umask(before)
    assert where == folder / "deepseek@api.deepseek.com"
    assert stat.S_IMODE(where.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == [where.name]
    assert found(Keys(folder, {})) == (VALUE, str(where))
    Keys(folder, {}).store(DEEPSEEK, "sk-another-value")
    assert found(Keys(folder, {})) == ("sk-another-value", str(where))
    assert Keys(folder, {}).delete(DEEPSEEK) == [str(where)]


@pytest.mark.parametrize(
    ("place", "mode", "mend"), [("file", 0o640, "600"), ("file", 0o604, "600"), ("folder", 0o750, "700")]
)
def test_what_others_can_read_is_refused_with_the_command_that_mends_it(
    folder: Path, place: str, mode: int, mend: str
) -> None:
    file = Path(Keys(folder, {}).store(DEEPSEEK, VALUE))
    wrong = file if place == "file" else folder
    wrong.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        Keys(folder, {}).find(DEEPSEEK)
    assert str(caught.value).endswith(f"chmod {mend} {wrong}")
    assert VALUE not in str(caught.value)
    wrong.chmod(int(mend, 8))
    assert found(Keys(folder, {})) is not None


def test_a_pipe_or_a_folder_in_the_files_place_holds_nothing_up(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True)
    file = folder / "deepseek@api.deepseek.com"
    os.mkfifo(file, 0o600)
    with pytest.raises(ConfigError, match="not a file"):
        Keys(folder, {}).find(DEEPSEEK)
    file.unlink()
    file.mkdir(mode=0o700)
    with pytest.raises(ConfigError):
        Keys(folder, {}).find(DEEPSEEK)


@pytest.mark.parametrize("value", ["", "  ", "two words", "sk-\x1b[31m", "schlüssel"])
def test_what_can_be_no_key_is_refused_without_repeating_it(folder: Path, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Keys(folder, {}).store(DEEPSEEK, value)
    assert not value.strip() or value not in str(caught.value)
    assert not folder.exists()


# ------------------------------------------------------------------------- silence


def test_a_key_that_was_found_is_known_to_redact_and_not_in_any_repr(folder: Path) -> None:
    keys = Keys(folder, {"DEEPSEEK_API_KEY": "sk-never-seen-before"})
    assert redact("sk-never-seen-before") == "sk-never-seen-before"
    key = keys.find(DEEPSEEK)
    assert redact("sk-never-seen-before") == REDACTED
    assert "sk-never" not in repr(key) + repr(keys)
