"""Settings: what counts most wins, and what cannot be used is said in one line that names place and key."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from h2a_agent.config import DEFAULT_MODEL, ConfigError, Settings, load
from h2a_agent.paths import Paths, find_paths, private_folder

KEY = {"ANTHROPIC_API_KEY": "sk-test"}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths({"H2A_HOME": str(tmp_path)})


def write(paths: Paths, text: str) -> None:
    paths.config_file.write_text(text, "utf-8")


def refused(paths: Paths, text: str) -> str:
    """The one line with which `text` is refused as a config file."""
    write(paths, text)
    with pytest.raises(ConfigError) as caught:
        load(paths, {}, KEY)
    message = str(caught.value)
    assert message.startswith(f"{paths.config_file}: ")
    assert "\n" not in message
    return message.removeprefix(f"{paths.config_file}: ")


# ------------------------------------------------------------------ which provider


def test_without_key_and_address_the_demo_is_chosen_and_that_is_known(paths: Paths) -> None:
    settings = load(paths, {}, {})
    assert (settings.provider, settings.run.model, settings.fell_back) == ("demo", "demo", True)


def test_demo_by_flag_is_a_choice_even_with_a_key(paths: Paths) -> None:
    settings = load(paths, {"provider": "demo"}, KEY)
    assert (settings.provider, settings.fell_back) == ("demo", False)


@pytest.mark.parametrize("environ", [KEY, {"H2A_API_KEY": "k"}, {"ANTHROPIC_BASE_URL": "http://localhost:1"}])
def test_a_key_or_an_address_chooses_anthropic(paths: Paths, environ: dict[str, str]) -> None:
    settings = load(paths, {}, environ)
    assert (settings.provider, settings.run.model, settings.fell_back) == ("anthropic", DEFAULT_MODEL, False)


def test_anthropic_by_flag_without_a_key_says_what_to_do(paths: Paths) -> None:
    with pytest.raises(ConfigError, match=r"ANTHROPIC_API_KEY.*--base-url.*--demo"):
        load(paths, {"provider": "anthropic"}, {})


def test_a_model_meant_for_a_real_provider_does_not_rename_the_demo(paths: Paths) -> None:
    assert load(paths, {"model": "claude-x"}, {}).run.model == "demo"


def test_a_blank_key_is_no_key(paths: Paths) -> None:
    assert load(paths, {}, {"ANTHROPIC_API_KEY": "  "}).fell_back


def test_the_key_is_not_in_what_settings_print(paths: Paths) -> None:
    settings = load(paths, {}, KEY)
    assert settings.api_key == "sk-test"
    assert "sk-test" not in repr(settings)


def test_a_key_goes_only_where_it_belongs(paths: Paths) -> None:
    elsewhere = {"base_url": "https://models.example"}
    assert load(paths, elsewhere, KEY).api_key == ""
    assert load(paths, elsewhere, KEY | {"H2A_API_KEY": "k"}).api_key == "k"
    assert load(paths, {}, KEY | {"ANTHROPIC_BASE_URL": "https://models.example"}).api_key == "sk-test"
    write(paths, 'base_url = "https://models.example"')
    assert load(paths, {}, KEY).api_key == ""


# -------------------------------------------------------------------- precedence


def test_flag_beats_environment_beats_file_beats_default(paths: Paths) -> None:
    assert load(paths, {}, KEY).run.model == DEFAULT_MODEL
    write(paths, 'model = "of-the-file"')
    assert load(paths, {}, KEY).run.model == "of-the-file"
    environ = KEY | {"H2A_MODEL": "of-the-environment"}
    assert load(paths, {}, environ).run.model == "of-the-environment"
    assert load(paths, {"model": "of-the-flag"}, environ).run.model == "of-the-flag"
    assert load(paths, {"model": None}, environ).run.model == "of-the-environment"


def test_every_key_of_the_file_arrives(paths: Paths) -> None:
    write(
        paths,
        """
        provider = "anthropic"
        model = "m"
        base_url = "http://localhost:11434/"
        mode = "edits"
        max_tokens = 1000
        thinking_tokens = 2000
        steering_mode = "one-at-a-time"
        follow_up_mode = "all"
        on_abort = "keep"
        running_tools = "finish"
        theme = "dusk"
        enter = "next-step"
        alt_enter = "newline"
        mouse = false
        [keys]
        pause-resume = ["f9", "ctrl+t"]
        nudge = []
        """,
    )
    settings = load(paths, {}, {})
    run = settings.run
    assert (run.model, run.mode, run.max_tokens, run.thinking_tokens) == ("m", "edits", 1000, 2000)
    assert (run.steering_mode, run.follow_up_mode) == ("one-at-a-time", "all")
    assert (run.on_abort, run.running_tools) == ("keep", "finish")
    assert (settings.theme, settings.enter, settings.alt_enter) == ("dusk", "next-step", "newline")
    assert (settings.base_url, settings.mouse) == ("http://localhost:11434", False)
    assert settings.keys == {"pause-resume": ("f9", "ctrl+t"), "nudge": ()}


def test_a_config_file_in_the_working_directory_is_not_read(
    paths: Paths, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path_factory.mktemp("repository")
    (repository / "config.toml").write_text('base_url = "http://evil.example"', "utf-8")
    monkeypatch.chdir(repository)
    assert load(paths, {}, KEY) == Settings("anthropic", load(paths, {}, KEY).run, api_key="sk-test")


# ------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('mode = "yolo"', ["mode must be 'plan', 'ask', 'edits' or 'full', not 'yolo'"]),
        ('max_tokens = "many"', ["max_tokens", "integer", "'many'"]),
        ("max_tokens = 0", ["max_tokens", "greater than or equal to 1", "0"]),
        ("thinking_tokens = -1", ["thinking_tokens", "-1"]),
        ('modell = "x"', ["unknown key 'modell'", "did you mean 'model'?", "steering_mode"]),
        ('model = "  "', ["model", "at least 1 character"]),
        ("mouse = 1", ["mouse", "boolean"]),
        ('keys = ["f9"]', ["keys must be a table, not ['f9']"]),
        ('[keys]\npause = "f9"', ["keys.pause", "list"]),
        ('theme = "x"\nmodel = x', ["not valid TOML", "line 2"]),
    ],
)
def test_a_bad_file_is_refused_with_file_key_and_what_is_allowed(
    paths: Paths, text: str, words: list[str]
) -> None:
    message = refused(paths, text)
    for word in words:
        assert word in message


def test_rules_of_the_file_arrive_and_a_bad_one_is_named(paths: Paths) -> None:
    write(paths, '[permissions]\nallow = ["bash(npm test)"]\ndeny = ["edit(src/**)"]')
    rules = load(paths, {}, {}).rules
    assert rules is not None
    assert ([r.text for r in rules.allow], [r.text for r in rules.deny]) == (["bash(npm test)"], ["edit(src/**)"])
    assert load(paths, {}, {}).run.mode == "ask"
    assert refused(paths, '[permissions]\nallow = ["bash(ls)", "bash(python *)"]') == (
        "permissions.allow: 'bash(python *)' python runs whatever it is given; write the whole command without *."
    )
    assert "permissions.allow.0 must be a valid string" in refused(paths, "[permissions]\nallow = [1]")
    assert "permissions.alow" in refused(paths, "[permissions]\nalow = []")


def test_a_file_that_is_not_text_is_refused(paths: Paths) -> None:
    paths.config_file.write_bytes(b"model = '\xff'")
    with pytest.raises(ConfigError, match=r"config\.toml: cannot be read: it is not UTF-8 text"):
        load(paths, {}, KEY)


def test_a_folder_in_place_of_the_file_is_refused(paths: Paths) -> None:
    paths.config_file.mkdir()
    with pytest.raises(ConfigError, match=r"config\.toml: cannot be read"):
        load(paths, {}, KEY)


@pytest.mark.parametrize("url", ["localhost:11434", "ftp://x", "http://", "http://[::1", "http://x:notaport"])
def test_an_address_that_is_none_is_refused_with_its_source(paths: Paths, url: str) -> None:
    with pytest.raises(ConfigError, match="the command line: base_url must be an http or https address"):
        load(paths, {"base_url": url}, {})
    with pytest.raises(ConfigError, match="ANTHROPIC_BASE_URL: base_url"):
        load(paths, {}, {"ANTHROPIC_BASE_URL": url})


# ------------------------------------------------------------------------- folders


def test_h2a_home_holds_everything(tmp_path: Path) -> None:
    found = find_paths({"H2A_HOME": str(tmp_path / "home")})
    for path in (found.config_file, found.sessions_dir, found.logs_dir, found.spill_dir):
        assert path.is_relative_to(tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_a_relative_h2a_home_survives_a_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_paths({"H2A_HOME": "here"}).config_dir == tmp_path / "here"


def test_without_h2a_home_the_platform_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = find_paths({"H2A_HOME": ""})
    folders = [found.config_dir, found.sessions_dir, found.logs_dir, found.spill_dir]
    assert all(path.is_relative_to(tmp_path) and "h2a-chat" in str(path) for path in folders)
    assert len(set(folders)) == 4


def test_folders_are_made_for_the_user_alone_parents_included(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = private_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    assert private_folder(made) == made


# --------------------------------------------------------------------------- weight


def test_loading_defaults_needs_no_heavy_library(tmp_path: Path) -> None:
    """The first frame waits for this."""
    code = (
        "import sys; from h2a_agent.config import load; from h2a_agent.paths import find_paths; "
        f"load(find_paths({{'H2A_HOME': {str(tmp_path)!r}}}), {{}}, {{}}); "
        "print(sorted({'pydantic', 'anthropic', 'tomllib', 'platformdirs'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
