"""The inline mode: no alternate screen. What is finished belongs to the terminal's scrollback, what is live to its last rows."""
