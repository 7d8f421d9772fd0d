"""Numbers and places, written short for a narrow line."""

from __future__ import annotations

from pathlib import Path

__all__ = ["age", "duration", "folder", "money", "percent", "tokens"]


def duration(seconds: float) -> str:
    """`4s`, `1m 05s`, `2h 03m`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def age(seconds: float) -> str:
    """How long ago, in the coarsest unit that says something: `now`, `40s`, `12m`, `3h`, `2d`."""
    whole = max(0, int(seconds))
    if whole < 5:
        return "now"
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def tokens(count: int) -> str:
    """`950`, `12.4k`, `1.2M` (tokens)."""
    if count < 1000:
        return str(count)
    if count < 99_950:
        return f"{count / 1000:.1f}k"
    if count < 999_500:
        return f"{count / 1000:.0f}k"
    return f"{count / 1_000_000:.1f}M"


def percent(part: int, whole: int) -> str:
    """`part` of `whole`, rounded up so that only nothing is 0 %."""
    return f"{-(-part * 100 // whole)}%"


def money(usd: float) -> str:
    """US dollars, with more digits while they are few."""
    if 0 < usd < 0.0005:
        return "<$0.001"
    return f"${usd:.3f}" if usd < 0.1 else f"${usd:.2f}"


def folder(path: Path, limit: int = 30) -> str:
    """`path` with `~` for the home folder, its beginning left out when it is longer than `limit`."""
    home = Path.home()
    text = f"~/{path.relative_to(home)}" if path != home and path.is_relative_to(home) else str(path)
    text = "~" if path == home else text
    return text if len(text) <= limit else "…" + text[-(limit - 1) :]
