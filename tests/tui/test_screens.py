"""What every screen looks like, at every size and in every theme; `support.snapshots` says how to renew the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from h2a_themes import load
from support.scenes import SCENES, SIZE, Stage
from support.snapshots import Picture, Screen, check, faint_words, look_at

SIZES = (SIZE, (160, 45), (60, 18), (20, 5))
THEMES = ("dark", "light", "high-contrast", "sixteen")


async def look(stage: Stage) -> Picture:
    await stage.at_rest()
    return look_at(stage.app)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine that runs the tests shows."""
    for name in ("COLORTERM", "TERM_PROGRAM", "XDG_CONFIG_HOME", "H2A_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("name", SCENES)
async def test_screen_looks_as_it_did(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with SCENES[name](tmp_path, monkeypatch) as stage:
        themes, sizes = {}, {}
        for theme in THEMES:
            stage.app.wear(load(theme))
            themes[theme] = await look(stage)
            if len(stage.app.screen_stack) == 1:  # behind a dialog it is faint on purpose
                assert not faint_words(themes[theme]), theme
        stage.app.wear(load("dark"))
        for size in SIZES:
            await stage.resize(*size)
            sizes[size] = await look(stage)
        for tiny in ((10, 3), (1, 1)):
            await stage.resize(*tiny)
            await stage.at_rest()
    check(Screen(name, sizes, themes))
