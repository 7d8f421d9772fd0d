"""`python -m h2a_themes` writes again what is made from the tokens: `schema.json`, and the table in README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from h2a_themes.tokens import schema, token_table

__all__ = ["readme_with_table", "schema_text"]

_HERE: Final = Path(__file__).parent
_TABLE: Final = ("<!-- tokens -->\n", "<!-- end of tokens -->\n")


def schema_text() -> str:
    """What `schema.json` holds."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def readme_with_table(readme: str) -> str:
    """`readme` with the table of the tokens as they are now between its two marks."""
    before, _, rest = readme.partition(_TABLE[0])
    after = rest.partition(_TABLE[1])[2]
    return "".join([before, _TABLE[0], *(f"{line}\n" for line in token_table()), _TABLE[1], after])


if __name__ == "__main__":
    (_HERE / "schema.json").write_text(schema_text(), "utf-8")
    readme = _HERE / "README.md"
    readme.write_text(readme_with_table(readme.read_text("utf-8")), "utf-8")
