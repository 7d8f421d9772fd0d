"""`/cost`: what the run and the session have cost, and what the last request was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rich.table import Table
from rich.text import Text

from h2a_agent.state import State
from h2a_tui import format as fmt

if TYPE_CHECKING:
    from h2a_tui.client import Client
    from h2a_tui.overlays import Page

__all__ = ["cost_command", "cost_rows"]


class Chat(Protocol):
    """What this command uses of the chat."""

    @property
    def client(self) -> Client: ...
    def notice(self, text: str) -> None: ...
    def show_page(self, title: str, content: Table | Text) -> Page: ...


def cost_command(chat: Chat, _argument: str) -> bool:
    """Show the figures."""
    rows = cost_rows(chat.client.state)
    if not rows:
        chat.notice("Nothing has been asked of the model yet")
        return True
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for name, figure in rows:
        table.add_row(Text(name), Text(figure))
    _ = chat.show_page("Cost", table)
    return True


def cost_rows(state: State) -> list[tuple[str, str]]:
    """Names and figures; none before the first answer."""
    usage = state.usage
    if usage is None:
        return []
    total = usage.cost_usd
    window = f" of {fmt.tokens(usage.context_window)}" if usage.context_window else ""
    return [
        ("This session", "the price is not known" if total is None else fmt.money(total)),
        *([] if total is None else [("The last run", fmt.money(max(0.0, total - state.run_began_usd)))]),
        ("", ""),
        ("The last request", usage.model),
        ("  new tokens", f"{usage.input_tokens:,}"),
        ("  from the cache", f"{usage.cache_read_tokens:,}"),
        ("  into the cache", f"{usage.cache_write_tokens:,}"),
        ("  answered", f"{usage.output_tokens:,}"),
        ("  the conversation now", f"{usage.context_tokens:,}{window}"),
    ]
