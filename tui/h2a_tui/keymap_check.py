"""What somebody has written in `[keys]`: read, refused where it cannot be meant, and what follows from it that may surprise."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from h2a_tui.key_names import ALWAYS_TYPED, key_name, needs_protocol
from h2a_tui.keymap import KEYMAP, Action, Context, Keymap, Row, key_label

__all__ = ["BadKeys", "keymap_notes", "read_keys"]

# Without a key for these nobody gets on, or out.
_ESSENTIAL: Final = frozenset(
    {
        Action.SUBMIT,
        Action.ESCAPE,
        Action.POPUP_TAKE,
        Action.EDIT_SAVE,
        Action.SEND_REASON,
        Action.SEND_CHANGE,
        Action.TRUST_ANSWER,
        Action.TRUST_QUIT,
        Action.CLOSE_HELP,
        Action.LIST_CHOOSE,
        Action.LIST_CLOSE,
    }
)
_WRITING: Final = frozenset(
    {
        Context.COMPOSER,
        Context.GLOBAL,
        Context.POPUP,
        Context.QUEUE_EDIT,
        Context.REASON,
        Context.CHANGE,
        Context.FIND,
    }
)


class BadKeys(ValueError):
    """What is written there cannot be meant; the message says what, and what can be written."""


def read_keys(written: Mapping[str, Sequence[str]]) -> dict[Action, tuple[str, ...]]:
    """The keys of each action, under their names.

    Raises:
        BadKeys: there is no such action or key, a key would be typed where one writes, two actions want one key in one
            place, or an action nobody can do without has none.
    """
    keys = {_action(name): tuple(_key(name, key) for key in each) for name, each in written.items()}
    for action, each in keys.items():
        contexts = [row.context for row in KEYMAP if row.action is action]
        if not each and action in _ESSENTIAL:
            raise BadKeys(f"{action} needs a key: without one there is no way on or out")
        for key in each:
            if _is_text(key) and not _WRITING.isdisjoint(contexts):
                raise BadKeys(
                    f"{action}: {key!r} is typed where one writes; take one with ctrl+ or alt+, or f1 to f12"
                )
    _refuse_doubles(keys)
    return keys


def _action(name: str) -> Action:
    if name in set(Action):
        return Action(name)
    near = difflib.get_close_matches(name, [action.value for action in Action], n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise BadKeys(f"unknown action {name!r}; {hint}known are: {', '.join(action.value for action in Action)}")


def _key(action: str, written: str) -> str:
    if (name := key_name(written)) is not None:
        return name
    raise BadKeys(
        f"{action}: there is no key {written!r}; keys are written like ctrl+s, alt+enter, f5, pageup"
    )


def _is_text(key: str) -> bool:
    return len(key) == 1 or key in ALWAYS_TYPED


def _refuse_doubles(keys: Mapping[Action, tuple[str, ...]]) -> None:
    owners: dict[tuple[Context, str], Action] = {}
    for row in KEYMAP:
        for key in keys.get(row.action, ()):
            owner = owners.setdefault((row.context, key), row.action)
            if owner is not row.action:
                where = row.context.value[0].lower() + row.context.value[1:]
                raise BadKeys(f"{key_label(key)} cannot be both {owner} and {row.action} {where}")


def keymap_notes(keymap: Keymap) -> tuple[str, ...]:
    """What follows from a person's own keys and may surprise; nothing for the keys as they come."""
    return tuple(_notes(keymap))


def _notes(keymap: Keymap) -> Iterator[str]:
    usual = {(row.action, row.context): row.keys for row in KEYMAP}
    composer = {key: row for row in keymap.rows if row.context is Context.COMPOSER for key in row.keys}
    for row in keymap.rows:
        before = usual[row.action, row.context]
        if not row.keys and before and row.action not in keymap.overridden:
            yield f"{row.action} has no key: {_taken_by(keymap, row, before)}"
        if set(row.keys) <= set(before):
            continue
        if all(map(needs_protocol, row.keys)):
            yield (
                f"{row.action}: {_labels(row.keys)} comes only from terminals with an extended keyboard protocol; "
                "h2a-chat keys shows what yours sends"
            )
        if row.context is Context.GLOBAL and (hidden := [key for key in row.keys if key in composer]):
            yield f"{row.action}: in the editor {_labels(hidden)} is {composer[hidden[0]].action}"
    yield from _hidden_everywhere(keymap, composer)
    if not keymap.action("enter", Context.COMPOSER):
        yield "Enter does nothing in the editor"


def _hidden_everywhere(keymap: Keymap, composer: Mapping[str, Row]) -> Iterator[str]:
    """Keys that a person has given to the editor, and that are something else everywhere."""
    for row in keymap.rows:
        if row.context is Context.GLOBAL and row.action not in keymap.overridden:
            for key in row.keys:
                if key in composer and composer[key].action in keymap.overridden:
                    yield f"{row.action}: in the editor {key_label(key)} is {composer[key].action}"


def _taken_by(keymap: Keymap, row: Row, keys: Sequence[str]) -> str:
    owners = [(key, keymap.action(key, row.context)) for key in keys]
    return ", ".join(f"{key_label(key)} is {owner}" for key, owner in owners if owner)


def _labels(keys: Sequence[str]) -> str:
    return ", ".join(map(key_label, keys))
