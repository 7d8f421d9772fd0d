"""The real app in a real terminal, with a scripted agent whose calls the test reads and whose events it writes.

    with ScriptedApp.start(size=(80, 24)) as app:
        app.say("Status(Phase.STREAMING, 1)")
        app.terminal.press("h", "i", "enter")
        assert app.next_call() == ["steer", "hi"]

The program is this file: calls come as JSON lines through one pipe, what the agent shall do goes as Python
expressions through another (`say(...)`, `agent.hold()`, all names of `h2a_agent.events`). After `listen()` keys do nothing
but are told as calls, `["key", key, contexts, action]`, as the table of keys is asked for them; `obey_keys()` ends that.
"""

from __future__ import annotations

import json
import os
import select
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from support.pty_rig import TIMEOUT_S, Terminal

__all__ = ["ScriptedApp"]


class ScriptedApp:
    """A running app."""

    def __init__(
        self, terminal: Terminal, calls: int, script: int, home: tempfile.TemporaryDirectory[str]
    ) -> None:
        self.terminal = terminal
        self.home = Path(home.name)
        self.log_dir = self.home / "logs"
        self._home = home
        self._calls = calls
        self._script = script
        self._buffer = b""

    @classmethod
    def start(
        cls,
        *,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        inline: bool = False,
        kitty: bool = False,
        providers: Mapping[str, Mapping[str, str]] | None = None,
        **settings: str,
    ) -> ScriptedApp:
        """Start it, with these `ScreenSettings`, and wait for its first frame. `kitty` is for `Terminal.spawn`.

        `inline`: the inline mode instead. `providers`: the model can be chosen, among these besides the known ones, of which
        none runs here; what is kept is in `home`.
        """
        calls_read, calls_write = os.pipe()
        script_read, script_write = os.pipe()
        home = tempfile.TemporaryDirectory(prefix="h2a-app-")
        tests = Path(__file__).resolve().parent.parent
        try:
            terminal = Terminal.spawn(
                [
                    sys.executable,
                    __file__,
                    str(calls_write),
                    str(script_read),
                    home.name,
                    json.dumps(settings),
                    "inline" if inline else "app",
                    json.dumps(providers),
                ],
                size=size,
                env={"PYTHONPATH": os.pathsep.join([str(tests), *sys.path]), **(env or {})},
                kitty=kitty,
                pass_fds=(calls_write, script_read),
            )
        finally:
            os.close(calls_write)
            os.close(script_read)
        app = cls(terminal, calls_read, script_write, home)
        try:
            terminal.wait_for("ready")
        except BaseException:
            app.close()
            raise
        return app

    def say(self, *events: str) -> None:
        """Let the agent publish these events, written as Python expressions."""
        self.script(f"say({', '.join(events)})")

    def script(self, expression: str) -> None:
        """Let the agent do something."""
        os.write(self._script, expression.encode() + b"\n")

    def next_call(self, timeout_s: float = TIMEOUT_S) -> list[Any]:
        """The next call the app made; waits for it.

        Raises:
            AssertionError: there was none in time.
        """
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._calls], [], [], timeout_s)
            data = os.read(self._calls, 65_536) if ready else b""
            if not data:
                raise AssertionError(f"no call\n{self.terminal.screen_text()}")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        call: list[Any] = json.loads(line)
        return call

    def close(self) -> None:
        """End it."""
        self.terminal.close()
        os.close(self._calls)
        os.close(self._script)
        self._home.cleanup()

    def __enter__(self) -> ScriptedApp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def main(
    calls: int,
    script: int,
    home: Path,
    settings: Mapping[str, Any],
    front: str,
    providers: Mapping[str, Mapping[str, str]] | None,
) -> int:
    """The program: run the app, or the inline mode; its exit code."""
    from h2a_tui import environment

    environment.prepare(os.environ)

    import asyncio

    from h2a_agent import events
    from h2a_tui.keymap import Action, Context, Keymap
    from h2a_tui.settings import ListedSetting, ScreenSettings
    from support.newcomer import models_to_choose
    from support.scripted_agent import ScriptedAgent

    def report(_agent: ScriptedAgent | None, call: tuple[Any, ...]) -> None:
        plain = [arg if isinstance(arg, str | int | list) else repr(arg) for arg in call]
        os.write(calls, json.dumps(plain).encode() + b"\n")

    ask_keymap = Keymap.action

    def tell_key(keymap: Keymap, key: str, *contexts: Context) -> Action | None:
        action = ask_keymap(keymap, key, *contexts)
        report(None, ("key", key, [context.name for context in contexts], action or ""))
        return Action.DETAIL_UP  # scrolls what is not there

    def listen() -> None:
        type.__setattr__(Keymap, "action", tell_key)
        report(None, ("listening",))

    def obey_keys() -> None:
        type.__setattr__(Keymap, "action", ask_keymap)
        report(None, ("obeying",))

    agent = ScriptedAgent(workspace=home, on_call=report)
    if "tips_file" in settings:
        settings = {**settings, "tips_file": Path(settings["tips_file"])}
    agent.session_path = home / "session.jsonl"
    models = None if providers is None else models_to_choose(agent, home, providers)
    names = {
        **vars(events),
        "agent": agent,
        "say": agent.say,
        "listen": listen,
        "obey_keys": obey_keys,
    }
    buffer = bytearray()

    def obey() -> None:
        data = os.read(script, 65_536)
        if not data:
            asyncio.get_running_loop().remove_reader(script)
            return
        buffer.extend(data)
        while b"\n" in buffer:
            line, _, rest = bytes(buffer).partition(b"\n")
            buffer[:] = rest
            eval(line, names)

    async def run_inline() -> int:
        from h2a_tui.inline.chat import InlineChat
        from h2a_tui.inline.start import show_inline
        from h2a_tui.inline.terminal import InlineTerminal
        from h2a_tui.theme_choice import ThemeChoice

        screen = ScreenSettings(log_dir=home / "logs", **settings)
        escape_s = environment.escape_s(os.environ)
        terminal = InlineTerminal(escape_s=escape_s, finds_pastes=screen.paste_burst)
        chat = InlineChat(agent, screen, ThemeChoice("dark"), terminal, models=models)
        names["chat"] = chat
        asyncio.get_running_loop().add_reader(script, obey)
        return (await show_inline(chat)).code

    async def run() -> int:
        from h2a_tui.app import H2AApp

        listed = (ListedSetting("max_tokens", "16,384", "default"),)
        app = H2AApp(agent, ScreenSettings(log_dir=home / "logs", listed=listed, **settings), models=models)
        names["app"] = app
        asyncio.get_running_loop().add_reader(script, obey)
        await app.run_async(mouse=False)
        return app.return_code or 0

    return asyncio.run(run_inline() if front == "inline" else run())


if __name__ == "__main__":
    sys.exit(
        main(
            int(sys.argv[1]),
            int(sys.argv[2]),
            Path(sys.argv[3]),
            json.loads(sys.argv[4]),
            sys.argv[5],
            json.loads(sys.argv[6]),
        )
    )
