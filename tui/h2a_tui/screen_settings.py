"""From the settings of the program to those of its screen."""

from __future__ import annotations

import os

from h2a_agent.config import ConfigError, Settings
from h2a_agent.paths import Paths
from h2a_tui import environment
from h2a_tui.attention import Signals
from h2a_tui.keymap_check import BadKeys, read_keys
from h2a_tui.settings import ScreenSettings
from h2a_tui.settings_command import list_settings

__all__ = ["screen_settings"]


def screen_settings(settings: Settings, paths: Paths, *, kept: bool = True) -> ScreenSettings:
    """What `settings` say of the screen. Not `kept`: nothing that is written goes to disk.

    Raises:
        ConfigError: they name a key there is not, or one twice.
    """
    try:
        keys = read_keys(settings.keys)
    except BadKeys as error:
        raise ConfigError(f"{paths.config_file}: keys: {error}.") from error
    still = settings.reduced_motion or environment.motionless(os.environ)
    progress = settings.progress and not still  # the terminal's bar runs to and fro
    signals = Signals(settings.title, progress, settings.notifications, settings.bell)
    prompts = paths.prompts_file if kept else None
    return ScreenSettings(
        paths.logs_dir,
        settings.enter,
        settings.alt_enter,
        keys,
        settings.mouse,
        signals,
        list_settings(settings),
        settings.diffs,
        settings.paste_burst,
        settings.direct,
        prompts,
        images=settings.images,
        reduced_motion=still,
        config_file=paths.config_file,
        editing=settings.editing,
        tips_file=paths.tips_file if kept else None,
    )
