"""The live rows on a terminal that is not what the frame was made for."""

from __future__ import annotations

import pyte
import pytest

from h2a_tui.inline.live_area import LiveArea
from support.scrollback import ScrollbackScreen


class Desk:
    """Live rows on a screen; `sent` is everything written."""

    def __init__(self, columns: int, rows: int) -> None:
        self.screen = ScrollbackScreen(columns, rows)
        self.sent = ""
        self._stream = pyte.Stream(self.screen)
        self.area = LiveArea(self._write)

    def _write(self, text: str) -> None:
        self.sent += text
        # Pyte knows no synchronised output, and says so by printing it.
        self._stream.feed(text.replace("\x1b[?2026h", "").replace("\x1b[?2026l", ""))

    def text(self) -> list[str]:
        lines = [*self.screen.scrolled, *(line.rstrip() for line in self.screen.display)]
        return [line for line in lines if line]


def test_finished_lines_go_above_and_the_cursor_rests_on_the_first_live_row() -> None:
    desk = Desk(20, 6)
    desk.area.draw(["one", "two"], ["first"])
    desk.area.draw(["one", "three"], ["second", "third"])
    assert desk.text() == ["first", "second", "third", "one", "three"]
    assert (desk.screen.cursor.x, desk.screen.cursor.y) == (0, 3)
    desk.area.clear()
    assert desk.text() == ["first", "second", "third"]


def test_only_rows_that_changed_are_sent() -> None:
    desk = Desk(20, 6)
    desk.area.draw(["one", "two", "three"])
    desk.sent = ""
    desk.area.draw(["one", "2", "three"])
    assert "2" in desk.sent
    assert "one" not in desk.sent
    assert "three" not in desk.sent
    desk.sent = ""
    desk.area.draw(["one", "2", "three"])
    assert desk.sent == ""
    assert desk.text() == ["one", "2", "three"]


@pytest.mark.parametrize("rows", [3, 5, 9])
def test_a_frame_for_more_rows_than_there_are_leaves_no_live_row_in_the_scrollback(rows: int) -> None:
    desk = Desk(20, rows)
    desk.area.draw(["live 0"], ["said 0", "said 1"])
    desk.area.draw([f"live {n}" for n in range(10)], ["said 2"])
    desk.area.draw([f"LIVE {n}" for n in range(10)])
    desk.area.moved()
    desk.area.draw(["only this"], ["said 3"])
    assert [line for line in desk.screen.scrolled if "live" in line.lower()] == []
    assert desk.text()[-2:] == ["said 3", "only this"]


def test_a_frame_for_more_columns_than_there_are_is_cut_not_wrapped() -> None:
    desk = Desk(10, 8)
    desk.area.draw(["0123456789abcdefghij", "next"], ["said"])
    desk.area.draw(["short", "next"])
    assert desk.text() == ["said", "short", "next"]


@pytest.mark.parametrize(("columns", "rows"), [(8, 6), (30, 3), (12, 12), (40, 20)])
def test_resized_it_is_drawn_where_it_was_and_nowhere_else(columns: int, rows: int) -> None:
    desk = Desk(30, 8)
    desk.area.draw(["a live row", "and another"], [f"said {n}" for n in range(9)])
    desk.screen.resize(rows, columns)
    desk.area.moved()
    desk.area.draw(["a row", "more"])
    assert desk.text() == [*(f"said {n}" for n in range(9)), "a row", "more"]


@pytest.mark.parametrize("rows", [5, 12])
def test_a_change_drawn_before_the_new_size_is_known_stays_where_the_rows_are(rows: int) -> None:
    desk = Desk(30, 8)
    desk.area.draw(["live", "more"], [f"said {n}" for n in range(9)])
    desk.screen.resize(rows, 30)
    desk.area.draw(["LIVE", "more"])
    desk.area.moved()
    desk.area.draw(["last", "more"])
    assert desk.text() == [*(f"said {n}" for n in range(9)), "last", "more"]
