"""The conversation on the screen: events to items (`document`), items to rows, rows to a page (`widget`)."""
