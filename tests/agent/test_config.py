"""Settings: what counts most wins, and what cannot be used is said in one line that names place and key."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.catalogue import presets
from h2a_agent.config import ConfigError, Settings, load
from h2a_agent.config_edit import set_keys
from h2a_agent.keys import Key
from h2a_agent.models import ModelInfo, Price
from h2a_agent.paths import Paths, find_paths, private_folder
from h2a_agent.sandbox.settings import SandboxSettings

DEFAULT_MODEL = presets()["anthropic"].model
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
    assert (settings.provider.name, settings.run.model, settings.fell_back) == ("demo", "demo", True)


def test_demo_by_flag_is_a_choice_even_with_a_key(paths: Paths) -> None:
    settings = load(paths, {"provider": "demo"}, KEY)
    assert (settings.provider.name, settings.fell_back) == ("demo", False)


@pytest.mark.parametrize("environ", [KEY, {"H2A_API_KEY": "k"}, {"ANTHROPIC_BASE_URL": "http://localhost:1"}])
def test_a_key_or_an_address_chooses_anthropic(paths: Paths, environ: dict[str, str]) -> None:
    settings = load(paths, {}, environ)
    assert (settings.provider.name, settings.run.model, settings.fell_back) == (
        "anthropic",
        DEFAULT_MODEL,
        False,
    )


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
    with pytest.raises(ConfigError, match=r"models\.example.*set H2A_API_KEY"):
        load(paths, elsewhere, KEY)
    assert load(paths, elsewhere, KEY | {"H2A_API_KEY": "k"}).api_key == "k"
    assert load(paths, {}, KEY | {"ANTHROPIC_BASE_URL": "https://models.example"}).api_key == "sk-test"
    write(paths, 'base_url = "http://localhost:1"')
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
        thinking = "high"
        steering_mode = "one-at-a-time"
        follow_up_mode = "all"
        on_abort = "keep"
        running_tools = "finish"
        auto_compact = false
        reserve_tokens = 3000
        keep_tokens = 4000
        theme = "dusk"
        enter = "next-step"
        alt_enter = "newline"
        mouse = false
        diffs = "unified"
        images = false
        reduced_motion = true
        [keys]
        pause-resume = ["f9", "ctrl+t"]
        nudge = []
        """,
    )
    settings = load(paths, {}, {})
    run = settings.run
    assert (run.model, run.mode, run.max_tokens, run.thinking) == ("m", "edits", 1000, "high")
    assert (run.steering_mode, run.follow_up_mode) == ("one-at-a-time", "all")
    assert (run.on_abort, run.running_tools) == ("keep", "finish")
    assert (run.auto_compact, run.reserve_tokens, run.keep_tokens) == (False, 3000, 4000)
    assert (settings.theme, settings.enter, settings.alt_enter) == ("dusk", "next-step", "newline")
    assert (settings.provider.base_url, settings.mouse) == ("http://localhost:11434", False)
    assert settings.diffs == "unified"
    assert (settings.images, settings.reduced_motion) == (False, True)
    assert settings.keys == {"pause-resume": ("f9", "ctrl+t"), "nudge": ()}


def test_a_config_file_in_the_working_directory_is_not_read(
    paths: Paths, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path_factory.mktemp("repository")
    (repository / "config.toml").write_text('base_url = "http://evil.example"', "utf-8")
    monkeypatch.chdir(repository)
    assert load(paths, {}, KEY) == Settings(
        presets()["anthropic"], load(paths, {}, KEY).run, key=Key("sk-test", "ANTHROPIC_API_KEY")
    )


# ------------------------------------------------------------- several providers

ALL_KEYS = KEY | {
    "DEEPSEEK_API_KEY": "sk-deep",
    "OPENROUTER_API_KEY": "sk-router",
    "DASHSCOPE_API_KEY": "sk-q",
}


def chosen(settings: Settings) -> tuple[str, str]:
    return settings.provider.name, settings.run.model


def test_a_preset_is_chosen_by_name_with_its_own_address_key_and_model(paths: Paths) -> None:
    settings = load(paths, {"provider": "deepseek"}, ALL_KEYS)
    assert chosen(settings) == ("deepseek", "deepseek-flash")
    assert settings.provider.base_url == "https://api.deepseek.com/anthropic"
    assert settings.api_key == "sk-deep"


def test_a_local_preset_needs_no_key_but_a_model(paths: Paths) -> None:
    assert load(paths, {"model": "ollama/qwen3:8b"}, {}).api_key == ""
    with pytest.raises(ConfigError, match=r"'ollama' has no default model: .*--model ollama/NAME"):
        load(paths, {"provider": "ollama"}, {})


@pytest.mark.parametrize(
    ("file", "flags", "expected"),
    [
        ("", {"model": "deepseek/deepseek-v4-pro"}, ("deepseek", "deepseek-v4-pro")),
        ("", {"model": "openrouter/anthropic/claude-x"}, ("openrouter", "anthropic/claude-x")),
        # A slash alone names no provider.
        ("", {"model": "openai/gpt-oss"}, ("anthropic", "openai/gpt-oss")),
        # The provider set just as strongly takes the whole as its model's name ...
        ("", {"provider": "openrouter", "model": "qwen/qwen3"}, ("openrouter", "qwen/qwen3")),
        ("", {"provider": "openrouter", "model": "openrouter/auto"}, ("openrouter", "auto")),
        ('provider = "openrouter"\nmodel = "qwen/qwen3"', {}, ("openrouter", "qwen/qwen3")),
        # ... and one set less strongly gives way.
        ('provider = "openrouter"', {"model": "qwen/qwen3"}, ("qwen", "qwen3")),
        ('provider = "openrouter"', {"model": "some/model"}, ("openrouter", "some/model")),
        # The file's model and address belong to the file's provider.
        ('provider = "ollama"\nmodel = "qwen3"', {"provider": "deepseek"}, ("deepseek", "deepseek-flash")),
        ('model = "ollama/qwen3"', {"provider": "deepseek"}, ("deepseek", "deepseek-flash")),
        ('model = "ollama/qwen3"', {}, ("ollama", "qwen3")),
        ('model = "claude-x"', {"provider": "anthropic"}, ("anthropic", "claude-x")),
    ],
)
def test_provider_and_model_are_named_together_or_apart(
    paths: Paths, file: str, flags: dict[str, str], expected: tuple[str, str]
) -> None:
    write(paths, file)
    assert chosen(load(paths, flags, ALL_KEYS)) == expected


def test_an_address_moves_only_the_provider_it_was_written_for(paths: Paths) -> None:
    elsewhere = {"ANTHROPIC_BASE_URL": "https://proxy.example"}
    assert load(paths, {"provider": "deepseek"}, ALL_KEYS | elsewhere).provider.origin == "api.deepseek.com"
    assert load(paths, {"provider": "anthropic"}, ALL_KEYS | elsewhere).provider.origin == "proxy.example"
    write(paths, 'provider = "ollama"\nmodel = "m"\nbase_url = "http://localhost:7"')
    assert load(paths, {}, ALL_KEYS).provider.origin == "localhost:7"
    assert load(paths, {"provider": "deepseek"}, ALL_KEYS).provider.origin == "api.deepseek.com"


def test_a_preset_moved_elsewhere_leaves_its_key_behind(paths: Paths) -> None:
    write(paths, '[providers.deepseek]\nbase_url = "https://proxy.example"')
    with pytest.raises(ConfigError, match=r"no API key for provider 'deepseek' \(proxy\.example\)"):
        load(paths, {"provider": "deepseek"}, ALL_KEYS)
    write(paths, '[providers.deepseek]\nbase_url = "https://proxy.example"\nkey_env = "DEEPSEEK_API_KEY"')
    assert load(paths, {"provider": "deepseek"}, ALL_KEYS).api_key == "sk-deep"


def test_a_provider_of_ones_own_with_models_and_prices(paths: Paths) -> None:
    write(
        paths,
        """
        provider = "work"
        [providers.work]
        base_url = "https://models.example/"
        key_env = "WORK_KEY"
        auth = "x-api-key"
        model = "large"
        [providers.work.models."large"]
        context_window = 50000
        price = { input = 2, output = 8.5, cache_read = 0.2 }
        """,
    )
    settings = load(paths, {}, {"WORK_KEY": " k-work\n"})
    info = settings.provider
    assert (info.base_url, info.auth, settings.api_key) == ("https://models.example", "x-api-key", "k-work")
    assert chosen(settings) == ("work", "large")
    assert info.models["large"] == ModelInfo(50_000, 0, Price(2.0, 8.5, 2.0, 0.2))


def test_the_key_for_any_server_goes_to_the_chosen_one_only(paths: Paths) -> None:
    settings = load(paths, {"provider": "deepseek"}, {"H2A_API_KEY": "sk-any"})
    assert settings.api_key == "sk-any"
    assert settings.api_keys.find(settings.catalogue.get("kimi")) is None


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"provider": "deepsek"}, ["the command line", "no provider 'deepsek'", "did you mean 'deepseek'?"]),
        ({"model": "olama/qwen3"}, ["no provider 'olama'", "did you mean 'ollama'?"]),
        ({"provider": "kimi"}, ["'kimi' (api.moonshot.ai)", "MOONSHOT_API_KEY", "h2a-chat key set kimi"]),
    ],
)
def test_a_provider_that_cannot_be_used_is_one_line_with_what_to_do(
    paths: Paths, flags: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(paths, flags, KEY)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_key_in_the_file_is_refused_and_not_repeated(paths: Paths) -> None:
    message = refused(paths, '[providers.deepseek]\napi_key = "sk-canary"')
    assert message == (
        "providers.deepseek.api_key: no key stands in this file; keep it with: h2a-chat key set deepseek."
    )
    assert "sk-canary" not in refused(paths, '[providers.deepseek]\nkey_env = "sk-canary"')


# --------------------------------------------------------------- changing the file


def test_single_keys_are_changed_and_everything_else_stays(paths: Paths) -> None:
    text = '# mine\nmodel = "old"  # here\nmode = "edits"\n\n[providers.x]\nbase_url = "http://localhost:1"\nmodel = "m"\n'
    write(paths, text)
    paths.config_file.chmod(0o640)
    set_keys(paths.config_file, {"provider": "x", "model": 'new "one"'})
    assert paths.config_file.read_text("utf-8") == text.replace(
        '"old"  # here', '"new \\"one\\""  # here'
    ).replace('mode = "edits"\n', 'mode = "edits"\nprovider = "x"\n')
    assert paths.config_file.with_name("config.toml.bak").read_text("utf-8") == text
    assert stat.S_IMODE(paths.config_file.stat().st_mode) == 0o640
    assert chosen(load(paths, {}, {})) == ("x", 'new "one"')


def test_a_file_is_made_for_the_user_alone_where_there_was_none(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "config.toml"
    set_keys(file, {"model": "m"})
    assert file.read_text("utf-8") == 'model = "m"\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_to_the_file_stays_a_link(paths: Paths, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text('model = "a"\n', "utf-8")
    paths.config_file.symlink_to(real)
    set_keys(paths.config_file, {"model": "b"})
    assert paths.config_file.is_symlink()
    assert real.read_text("utf-8") == 'model = "b"\n'


def test_numbers_switches_and_tables_are_written_as_such(paths: Paths) -> None:
    write(paths, "bell = true # loud\n\n[providers.x]\nbase_url = 'http://localhost:1'\n")
    set_keys(
        paths.config_file,
        {"bell": False, "max_tokens": 99, "providers": {"y": {"base_url": "http://localhost:2"}}},
    )
    text = paths.config_file.read_text("utf-8")
    assert "bell = false # loud" in text
    assert tomllib.loads(text) == {
        "bell": False,
        "max_tokens": 99,
        "providers": {"x": {"base_url": "http://localhost:1"}, "y": {"base_url": "http://localhost:2"}},
    }


@pytest.mark.parametrize(
    ("text", "values", "words"),
    [
        ("bell = true\n", {"mode": "yolo"}, r"config\.toml: mode must be"),
        ("bell = tr", {"mode": "ask"}, "not valid TOML"),
        ("model = 'x'\n", {"model": {"y": 1}}, "by hand"),
    ],
)
def test_what_cannot_be_is_not_written(paths: Paths, text: str, values: dict[str, Any], words: str) -> None:
    write(paths, text)
    with pytest.raises(ConfigError, match=words):
        set_keys(paths.config_file, values)
    assert paths.config_file.read_text("utf-8") == text


# ------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('mode = "yolo"', ["mode must be 'plan', 'ask', 'edits' or 'full', not 'yolo'"]),
        ('max_tokens = "many"', ["max_tokens", "integer", "'many'"]),
        ("max_tokens = 0", ["max_tokens", "greater than or equal to 1", "0"]),
        ('thinking = "hard"', ["thinking", "'off', 'low', 'medium', 'high' or 'max'", "hard"]),
        ('modell = "x"', ["unknown key 'modell'", "did you mean 'model'?", "steering_mode"]),
        ('model = "  "', ["model", "at least 1 character"]),
        ("mouse = 1", ["mouse", "boolean"]),
        ('keys = ["f9"]', ["keys must be a table, not ['f9']"]),
        ('[keys]\npause = "f9"', ["keys.pause", "list"]),
        ('theme = "x"\nmodel = x', ["not valid TOML", "line 2"]),
        ('thinking = "hard"', ["thinking must be 'off', 'low', 'medium', 'high' or 'max', not 'hard'"]),
        ("[providers.x]", ["providers.x.base_url is missing: 'x' is no preset"]),
        ('[providers.x]\nbase_url = "localhost"', ["providers.x.base_url must be an http", "'localhost'"]),
        ('[providers."a b"]\nbase_url = "http://x"', ["'a b' cannot name a provider"]),
        ('[providers.demo]\nbase_url = "http://x"', ["the demo is a script"]),
        ('[providers.glm]\nbase_ulr = "http://x"', ["'providers.glm.base_ulr'", "did you mean 'base_url'?"]),
        ('[providers.glm]\nauth = "basic"', ["providers.glm.auth must be 'bearer' or 'x-api-key'"]),
        (
            "[providers.glm.models.a]\nprice = { input = 1 }",
            ["providers.glm.models.a.price.output is missing"],
        ),
        ("[providers.glm.models.a]\nwindow = 1", ["'providers.glm.models.a.window'", "context_window"]),
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
    assert ([r.text for r in rules.allow], [r.text for r in rules.deny]) == (
        ["bash(npm test)"],
        ["edit(src/**)"],
    )
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
        "import sys; sys.modules['keyring'] = None; from h2a_agent.config import load; from h2a_agent.paths import find_paths; "
        f"load(find_paths({{'H2A_HOME': {str(tmp_path)!r}}}), {{}}, {{}}); "
        "print(sorted({'pydantic', 'anthropic', 'tomllib', 'platformdirs'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---------------------------------------------------------------------- the sandbox


def test_the_sandbox_is_on_without_network_unless_set(paths: Paths) -> None:
    assert load(paths, {}, KEY).sandbox == SandboxSettings("auto", network=False, writable=())


def test_the_sandbox_has_a_table_of_its_own_and_a_flag_for_its_level(paths: Paths) -> None:
    write(paths, '[sandbox]\nnetwork = true\nwritable = ["~/data"]\n')
    assert load(paths, {}, KEY).sandbox == SandboxSettings("auto", network=True, writable=["~/data"])
    assert load(paths, {"sandbox_level": "off"}, KEY).sandbox.level == "off"
    assert load(paths, {"sandbox_level": "off"}, KEY).sandbox.network
    write(paths, '[sandbox]\nlevel = "off"\n')
    assert load(paths, {}, KEY).sandbox.level == "off"
    assert load(paths, {"sandbox_level": "auto"}, KEY).sandbox.level == "auto"


def test_a_wrong_key_or_level_of_the_sandbox_is_named(paths: Paths) -> None:
    assert refused(paths, '[sandbox]\nlevel = "on"\n').startswith("sandbox.level must be 'auto' or 'off'")
    assert refused(paths, "[sandbox]\nnetwork = 1\n").startswith("sandbox.network must be a valid boolean")
    assert refused(paths, '[sandbox]\nlevle = "off"\n') == (
        "unknown key 'sandbox.levle'; did you mean 'level'? known are: level, network, writable."
    )
    assert refused(paths, 'sandbox = "off"\n') == "sandbox must be a table, not 'off'."
