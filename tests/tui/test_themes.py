"""Themes: what a file must say, what its errors say, and that everything drawn can be read."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pygments.token import Keyword, Name, Token
from rich.style import Style
from textual.app import App, ComposeResult
from textual.color import Color
from textual.widgets import Static

from h2a_themes import TOKENS, Palette, Theme, ThemeError, as_256, contrast, faint, from_terminal, load, names
from h2a_themes.__main__ import readme_with_table, schema_text
from h2a_themes.colours import indexed, rgb, to_hex
from h2a_themes.palette import XTERM
from h2a_themes.tokens import TEXT
from h2a_tui.textual_theme import textual_theme
from h2a_tui.theme import for_terminal, styles_of

ALIEN = Palette(
    "#aaaaaa",
    "#000000",
    dict(
        enumerate(
            [
                "#000000",
                "#aa0000",
                "#00aa00",
                "#aa5500",
                "#0000aa",
                "#aa00aa",
                "#00aaaa",
                "#aaaaaa",
                "#555555",
                "#ff5555",
                "#55ff55",
                "#ffff55",
                "#5555ff",
                "#ff55ff",
                "#55ffff",
                "#ffffff",
            ]
        )
    ),
)
"""The colours of the VGA's text mode."""


def on_paper(palette: Palette) -> Palette:
    return replace(palette, foreground="#000000", background="#ffffff")


# ---------------------------------------------------------------- can be read


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#ff0000", "#ffffff") == contrast("#ffffff", "#ff0000") == pytest.approx(4.0, abs=0.005)


@pytest.mark.parametrize("name", names())
def test_everything_in_a_theme_has_the_contrast_of_wcag_aa(name: str) -> None:
    assert faint(load(name)) == []


@pytest.mark.parametrize("name", names())
def test_it_has_so_also_in_256_colours(name: str) -> None:
    theme = as_256(load(name))
    assert faint(theme) == []
    palette = {indexed(number) for number in range(16, 256)}
    assert {colour for colour in theme.colours.values() if colour.startswith("#")} <= palette


@pytest.mark.parametrize(
    ("name", "palette"),
    [
        ("sixteen", XTERM),
        ("sixteen", ALIEN),
        ("sixteen-light", on_paper(XTERM)),
        ("sixteen-light", on_paper(ALIEN)),
    ],
)
def test_sixteen_colours_can_be_read_in_the_palettes_people_have(name: str, palette: Palette) -> None:
    theme = load(name)
    assert not any(colour.startswith("#") for colour in theme.colours.values())
    assert faint(theme, palette.seen) == []


def test_what_cannot_be_read_is_found() -> None:
    theme = load("dark").recoloured({"muted": "#555555", "border": "#222222"})
    assert {weak.token for weak in faint(theme)} == {"muted", "border"}


@pytest.mark.parametrize("name", ["high-contrast", "high-contrast-light"])
def test_high_contrast_is_that_of_wcag_aaa(name: str) -> None:
    theme = load(name)
    read = [name for name, token in TOKENS.items() if token.contrast == TEXT and token.on]
    assert min(contrast(getattr(theme, t), getattr(theme, on)) for t in read for on in TOKENS[t].on) >= 7


@pytest.mark.parametrize("name", ["colour-blind", "colour-blind-light"])
@pytest.mark.parametrize(("yes", "no"), [("success", "error"), ("diff_added", "diff_removed")])
def test_without_red_and_green_yes_and_no_differ_in_blue(name: str, yes: str, no: str) -> None:
    """Who sees no red or no green sees blue against yellow: one says yes by more blue than red, the other no."""
    theme = load(name)
    for good, bad in ((yes, no), ("diff_added_background", "diff_removed_background")):
        red, _, blue = rgb(getattr(theme, good))
        assert blue > red
        red, _, blue = rgb(getattr(theme, bad))
        assert red > blue


@pytest.mark.parametrize("name", [name for name in names() if not name.startswith("sixteen")])
def test_a_built_in_theme_is_dark_exactly_when_it_says_so(name: str) -> None:
    theme = load(name)
    assert theme.name == name
    on_black, on_white = (contrast(theme.text, ground) for ground in ("#000000", "#ffffff"))
    assert (on_black > on_white) is theme.dark


# ------------------------------------------------------------ of the terminal


COLOURS = st.tuples(*[st.integers(0, 255)] * 3).map(to_hex)


@given(COLOURS, COLOURS, st.dictionaries(st.integers(0, 15), COLOURS))
@settings(max_examples=60)
def test_a_theme_of_any_terminal_can_be_read(
    foreground: str, background: str, colours: dict[int, str]
) -> None:
    """Text on the page at least, whatever the palette: no ground between black and white can be missed."""
    theme = from_terminal(Palette(foreground, background, colours))
    assert theme is not None
    assert theme.background == background
    far = max(contrast(background, "#000000"), contrast(background, "#ffffff"))
    if far > 11:  # else the washed grounds may leave no room on either side
        assert faint(theme) == []


@pytest.mark.parametrize("palette", [XTERM, ALIEN, on_paper(XTERM), on_paper(ALIEN)])
def test_the_terminals_own_colours_make_a_theme(palette: Palette) -> None:
    theme = from_terminal(palette)
    assert theme is not None
    assert (theme.background, theme.text, theme.dark) == (
        palette.background,
        palette.foreground,
        palette.dark,
    )
    assert faint(theme) == []


def test_a_terminal_that_says_nothing_makes_none() -> None:
    assert from_terminal(Palette()) is None
    assert Palette().dark is None


# --------------------------------------------------------------------- a file


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
        ('text = "paper"', 'text = "papre"', "colors.text", "did you mean paper?"),
        ('text = "paper"', "text = 256", "colors.text", "a number from 0 to 255"),
        ('text = "paper"', "text = true", "colors.text", "True is no colour"),
        (
            'text = "paper"',
            'text = "#12345"',
            "colors.text",
            "'#12345' is no colour; allowed are #rgb, #rrggbb",
        ),
        ('text = "paper"', 'text = "bright_gren"', "colors.text", "did you mean bright_green?"),
        ('text = "paper"', 'text = "paper"\nerorr = "ink"', "colors.erorr", "did you mean error?"),
        ('ink = "#15171c"', 'ink = "schwarz"', "vars.ink", "'schwarz' is no colour"),
        ('ink = "#15171c"', 'ink = "ink"', "vars.ink", "goes in a circle: ink -> ink"),
        ('ink = "#15171c"', 'ink = "a"\na = "b"\nb = "ink"', "vars.ink", "a circle: ink -> a -> b -> ink"),
        ('ink = "#15171c"', 'ink = "#15171c"\nInk = "ink"', "vars.Ink", "small letters"),
        ("dark = true", 'dark = "yes"', "dark", "true or false"),
        ('name = "dark"', 'name = "\\u001b[2J"', "name", "printable"),
        ('name = "dark"', 'name = "a/b"', "name", "without /"),
        ('name = "dark"', 'nome = "dark"', "nome", "allowed are name, dark, vars, colors"),
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
    assert caught.value.short.startswith(f"bad.toml: {key}")


@pytest.mark.parametrize(
    ("written", "is_"),
    [
        ('"#AbC"', "#aabbcc"),
        ('"#AABBCC"', "#aabbcc"),
        ("0", "black"),
        ("15", "bright_white"),
        ("16", "#000000"),
        ("196", "#ff0000"),
        ("255", "#eeeeee"),
        ('"bright_black"', "bright_black"),
        ('""', ""),
        ('"mine"', "#aabbcc"),
    ],
)
def test_a_colour_can_be_written_in_many_ways(tmp_path: Path, written: str, is_: str) -> None:
    text = built_in_text().replace("[vars]", '[vars]\nmine = "yours"\nyours = "#abc"')
    text = text.replace('text = "paper"', f"text = {written}")
    assert load(write(tmp_path / "x.toml", text)).text == is_


def test_what_a_theme_leaves_out_is_like_something_it_has(tmp_path: Path) -> None:
    needed = {name: f"#0000{at:02x}" for at, name in enumerate(n for n, t in TOKENS.items() if not t.like)}
    lines = "\n".join(f'{name} = "{colour}"' for name, colour in needed.items())
    theme = load(write(tmp_path / "few.toml", f'dark = true\n[colors]\n{lines}\nsteer = "#123456"\n'))
    assert {name: getattr(theme, name) for name in needed} == needed
    assert theme.steer == "#123456"
    assert theme.status_tools == theme.follow_up == theme.success
    assert theme.diff_added_background == theme.diff_background == theme.code_background == theme.surface


def test_a_theme_in_the_users_folder_is_found_by_name_and_counts_more(tmp_path: Path) -> None:
    write(tmp_path / "mine.toml", built_in_text("light").replace('name = "light"\n', ""))
    write(tmp_path / "nord.toml", built_in_text("dracula"))
    assert (load("mine", tmp_path).name, load("mine", tmp_path).text) == ("mine", load("light").text)
    assert load("nord", tmp_path) == load("dracula")
    assert load("dark", tmp_path) == load("dark")
    assert set(names(tmp_path)) - set(names()) == {"mine"}
    assert names(tmp_path / "missing") == names()


def test_an_unknown_name_lists_what_there_is_and_what_is_near(tmp_path: Path) -> None:
    write(tmp_path / "mine.toml", built_in_text())
    with pytest.raises(ThemeError, match=r"did you mean solarized-dark.*mine, nord"):
        load("solarised-dark", tmp_path)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ThemeError, match="No such file"):
        load(str(tmp_path / "none.toml"))


def test_schema_and_table_are_those_of_the_tokens() -> None:
    """`python -m h2a_themes` writes both anew."""
    folder = resources.files("h2a_themes")
    assert (folder / "schema.json").read_text() == schema_text()
    readme = (folder / "README.md").read_text()
    assert readme == readme_with_table(readme)
    assert all(f"`{name}`" in readme for name in names())


def test_the_schema_takes_every_built_in_theme_and_allows_what_the_loader_does() -> None:
    schema = json.loads((resources.files("h2a_themes") / "schema.json").read_text())
    for name in names():
        table = tomllib.loads(built_in_text(name))
        assert set(schema["properties"]) >= set(table)
        assert set(schema["properties"]["colors"]["required"]) <= set(table["colors"])
        assert set(schema["properties"]["colors"]["properties"]) >= set(table["colors"])
    pattern = schema["$defs"]["colour"]["anyOf"][0]["pattern"]
    assert all(re.fullmatch(pattern, colour) for colour in ("", "#abc", "#AABBCC", "bright_red"))
    assert not any(re.fullmatch(pattern, colour) for colour in ("#ab", "reddish", "#aabbccd"))


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
        assert (style.background, style.color) == tuple(
            Color.parse(as_textual(colour)) for colour in (theme.user_background, theme.follow_up)
        )
        variables = app.get_css_variables()
        for token, colour in theme.colours.items():
            assert variables[f"h2a-{token.replace('_', '-')}"] == as_textual(colour)


def as_textual(colour: str) -> str:
    return colour if colour.startswith("#") else f"ansi_{colour or 'default'}"


def test_styles_come_by_token() -> None:
    theme = load("dark").recoloured({"text": "", "muted": "white", "steer": "bright_white", "error": "red"})
    styles = styles_of(theme)
    assert styles.rich("text") == Style(color="default", bgcolor=theme.background)
    assert styles.rich("diff_added") == Style(color=theme.diff_added, bgcolor=theme.diff_added_background)
    assert styles.rich("muted", on="panel") == Style(color="white", bgcolor=theme.panel)


@pytest.mark.parametrize("name", ["dark", "light", "sixteen", "nord"])
def test_a_terminal_is_given_what_it_can_show(name: str) -> None:
    theme = load(name)
    assert for_terminal(theme, "truecolor", no_color=False) is theme
    assert for_terminal(theme, "256", no_color=False) == as_256(theme)
    stand_in = load("sixteen" if theme.dark else "sixteen-light")
    assert for_terminal(theme, "standard", no_color=False) == stand_in
    assert set(for_terminal(theme, "truecolor", no_color=True).colours.values()) == {""}


def test_without_colour_what_is_selected_is_reversed() -> None:
    assert styles_of(load("dark")).selection.bgcolor == Style(bgcolor=load("dark").selection).bgcolor
    assert styles_of(for_terminal(load("dark"), None, no_color=True)).selection == Style(reverse=True)


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
