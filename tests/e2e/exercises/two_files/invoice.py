"""What a customer has to pay."""

from prices import parse_price, show_price


def total(lines: list[tuple[int, str]]) -> str:
    """The sum of `(count, price)` lines, for people."""
    return show_price(sum(count * parse_price(price) * 100 for count, price in lines))
