"""What was sold."""


def report(sold: dict[str, int]) -> str:
    """A row for each product."""
    width = max((len(name) for name in sold), default=0)
    rows = [f"{name:<{width}}  {count:>6}" for name, count in sorted(sold.items())]
    return "\n".join(rows)
