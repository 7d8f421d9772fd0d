"""Prices as they are stored: whole cents."""


def parse_price(text: str) -> int:
    """The cents of a price such as `12.50` or `3`."""
    euros, _, cents = text.partition(".")
    return int(euros) * 100 + int(cents.ljust(2, "0") or 0)


def show_price(cents: int) -> str:
    """A price for people, such as `12.50`."""
    return f"{cents}.{cents % 100:02}"
