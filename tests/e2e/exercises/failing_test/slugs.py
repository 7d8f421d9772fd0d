"""Titles as the last part of an address."""

import re


def slug(title: str) -> str:
    """`title` in lower case, its words joined by single dashes."""
    return re.sub(r"[^a-z0-9]", "-", title)
