"""Themes: what a file must say, what its errors say, and that everything drawn can be read."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest
from pygments.token import Keyword, Name, Token
from textual.app import App, ComposeResult
from textual.widgets import Static

from h2a_themes import TOKENS, Theme, ThemeError, load, names, schema
from h2a_tui.theme import styles_of, textual_theme


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


GROUNDS = {
    "user_text": ("user_background",),
    "inline_code": ("inline_code_background",),
    "code": ("code_background", "selection"),
    "text": ("background", "surface", "panel", "selection"),
    "muted": ("background", "surface", "panel"),
    "steer": ("background", "user_background"),
    "nudge": ("background", "user_background"),
    "follow_up": ("background", "user_background"),
    "diff_added": ("diff_added_background",),
    "diff_removed": ("diff_removed_background",),
    "diff_context": ("diff_background",),
    "diff_hunk": ("diff_background",),
}
NOT_READ = {"border", "rule", "selection"}


@pytest.mark.parametrize("name", names())
def test_every_word_has_the_contrast_of_wcag_aa(name: str) -> None:
    theme = load(name)
    faint = {}
    for token in TOKENS:
        if "background" in token or token in NOT_READ | {"surface", "panel"}:
            continue
        usual = ("code_background",) if token.startswith("syntax_") else ("background",)
        for ground in GROUNDS.get(token, usual):
            ratio = contrast(getattr(theme, token), getattr(theme, ground))
            if ratio < 4.5:
                faint[token, ground] = round(ratio, 2)
    assert faint == {}


@pytest.mark.parametrize("name", names())
def test_a_built_in_theme_is_dark_exactly_when_it_says_so(name: str) -> None:
    theme = load(name)
    assert theme.name == name
    assert (luminance(theme.text) > luminance(theme.background)) is theme.dark


def test_a_dark_and_a_light_theme_are_built_in() -> None:
    assert {load(name).dark for name in names()} == {True, False}


def built_in_text(name: str = "dark") -> str:
    return (resources.files("h2a_themes") / f"{name}.toml").read_text()


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_theme_loads_from_a_path_and_is_named_after_its_file(tmp_path: Path) -> None:
    text = built_in_text().replace('name = "dark"\n', "").replace("[vars]", '[vars]\nmine = "#ABCDEF"')
    text = re.sub(r'^error = ".*"$', 'error = "mine"', text, flags=re.MULTILINE)
    theme = load(write(tmp_path / "night.toml", text))
    assert (theme.name, theme.error, theme.text) == ("night", "#abcdef", load("dark").text)


def test_a_path_may_start_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "mine.toml", built_in_text("light"))
    assert load("~/mine.toml") == load("light")


@pytest.mark.parametrize(
    ("find", "put", "key", "says"),
    [
        ('text = "paper"', "", "colors.text", "is missing"),
        ('text = "paper"', 'text = "papre"', "colors.text", "one of [vars]: ink,"),
        ('text = "paper"', "text = 3", "colors.text", "such as #1f2430"),
        ('text = "paper"', 'text = "#12345"', "colors.text", "not '#12345'"),
        ('text = "paper"', 'text = "paper"\nerorr = "ink"', "colors.erorr", "did you mean error?"),
        ('ink = "#15171c"', 'ink = "black"', "vars.ink", "not 'black'"),
        ("dark = true", 'dark = "yes"', "dark", "true or false"),
        ('name = "dark"', 'name = "\\u001b[2J"', "name", "printable"),
        ('name = "dark"', 'nome = "dark"', "nome", "Allowed are name, dark, vars, colors"),
        ("[vars]", "[vars", "", "is not TOML"),
    ],
)
def test_an_error_names_file_key_and_what_is_allowed(
    tmp_path: Path, find: str, put: str, key: str, says: str
) -> None:
    assert find in built_in_text()
    file = write(tmp_path / "bad.toml", built_in_text().replace(find, put, 1))
    with pytest.raises(ThemeError) as caught:
        load(file)
    assert (caught.value.file, caught.value.key) == (file, key)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{file}: {key}")


def test_an_unknown_name_lists_the_built_in_themes() -> None:
    with pytest.raises(ThemeError, match="built in are dark, light"):
        load("solarised")


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ThemeError, match="No such file"):
        load(str(tmp_path / "none.toml"))


def test_the_schema_file_documents_exactly_the_tokens() -> None:
    file = json.loads((resources.files("h2a_themes") / "schema.json").read_text())
    assert file == schema()
    assert list(file["properties"]["colors"]["properties"]) == list(TOKENS)


# ------------------------------------------------------------------ the adapter


@pytest.mark.parametrize("name", names())
async def test_every_token_is_a_variable_in_the_style_sheets(name: str) -> None:
    theme = load(name)

    class Page(App[None]):
        CSS = "Static { background: $h2a-user-background; color: $h2a-follow-up; }"

        def compose(self) -> ComposeResult:
            yield Static("words")

    app = Page()
    app.register_theme(textual_theme(theme))
    app.theme = textual_theme(theme).name
    async with app.run_test() as pilot:
        await pilot.pause()
        style = app.query_one(Static).styles
        assert style.background.hex.lower() == theme.user_background
        assert style.color.hex.lower() == theme.follow_up
        variables = app.get_css_variables()
        for token in TOKENS:
            assert variables[f"h2a-{token.replace('_', '-')}"] == getattr(theme, token)


def test_styles_are_made_once_per_theme() -> None:
    assert styles_of(load("dark")) is styles_of(load("dark"))
    assert styles_of(load("dark")) is not styles_of(load("light"))


def test_syntax_colours_fall_back_to_the_parent_token() -> None:
    theme: Theme = load("dark")
    styles = styles_of(theme)

    def colour(token: object) -> str:
        found = styles.syntax(token).color  # type: ignore[arg-type]
        assert found is not None
        return found.name

    assert colour(Keyword.Reserved) == theme.syntax_keyword
    assert colour(Name.Function.Magic) == theme.syntax_function
    assert colour(Token.Text.Whitespace) == theme.code
