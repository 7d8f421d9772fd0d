"""What is there."""


def report(stored: dict[str, int]) -> str:
    """A row for each product that is there."""
    there = {name: count for name, count in stored.items() if count}
    width = max((len(name) for name in there), default=0)
    rows = [f"{name:<{width}}  {count:>6}" for name, count in sorted(there.items())]
    return "\n".join(rows)
