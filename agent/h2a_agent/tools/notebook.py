"""A Jupyter notebook as a person reads it: its cells with their outputs, not the JSON they are stored in."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from h2a_agent.tools.images import media_type

__all__ = ["Notebook", "notebook_of"]

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(slots=True)
class Notebook:
    """The lines of all cells; `pictures` are the outputs that are one, by the line that stands for it."""

    lines: list[str] = field(default_factory=list)
    pictures: dict[int, bytes] = field(default_factory=dict)

    def text(self, value: Any) -> None:
        """Add a text, which notebooks also store as a list of its lines."""
        self.lines += _joined(value).rstrip("\n").split("\n")

    def picture(self, kind: str, data: bytes) -> None:
        """Add a line that stands for a picture."""
        self.pictures[len(self.lines)] = data
        self.lines.append(f"[{kind}]")


def notebook_of(data: bytes) -> Notebook | None:
    """The notebook in `data`, None when it is not one that can be made sense of: then it is just text."""
    try:
        stored = json.loads(data)
        cells = stored["cells"]
        if not isinstance(cells, list):
            return None
        notebook = Notebook()
        for number, cell in enumerate(cells, 1):
            _cell(notebook, number, cell)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return notebook


def _cell(notebook: Notebook, number: int, cell: Mapping[str, Any]) -> None:
    kind = str(cell["cell_type"])
    count = cell.get("execution_count")
    run = f", run {count}" if count is not None else ""
    if notebook.lines:
        notebook.lines.append("")
    notebook.lines.append(f"[cell {number}: {kind}{run}]")
    if source := _joined(cell.get("source", "")):
        notebook.text(source)
    for output in cell.get("outputs") or ():
        _output(notebook, output)


def _output(notebook: Notebook, output: Mapping[str, Any]) -> None:
    match output.get("output_type"):
        case "stream":
            notebook.lines.append(f"[output: {output.get('name', 'stdout')}]")
            notebook.text(output.get("text", ""))
        case "error":
            notebook.lines.append("[output: error]")
            trace = output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"]
            notebook.text("\n".join(map(str, trace)))
        case _:
            _display(notebook, output.get("data") or {})


def _display(notebook: Notebook, data: Mapping[str, Any]) -> None:
    """A result in several forms: the picture where there is one, else plain text, else only the name of its form."""
    for kind, picture in _pictures(data):
        notebook.picture(f"output: {kind}", picture)
        return
    notebook.lines.append(f"[output: {', '.join(map(str, data)) or 'nothing'}]")
    if "text/plain" in data:
        notebook.text(data["text/plain"])


def _pictures(data: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    for kind in _PICTURES:
        if kind in data:
            try:
                picture = base64.b64decode(_joined(data[kind]), validate=False)
            except (binascii.Error, ValueError):
                continue
            if media_type(picture):
                yield kind, picture


def _joined(value: Any) -> str:
    text = "".join(map(str, value)) if isinstance(value, list) else str(value)
    return _COLOUR.sub("", text)
