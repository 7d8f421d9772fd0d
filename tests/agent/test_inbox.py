"""The inbox: order of delivery, leases, the user's verbs, the cancel rule. Each test tells one of its rules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from h2a_agent.content import ImageBlock, TextBlock
from h2a_agent.events import Kind
from h2a_agent.inbox import TRANSITIONS, Boundary, IllegalTransition, Inbox, Item, ItemState


def words(text: str) -> tuple[TextBlock, ...]:
    return (TextBlock(text),)


def put(inbox: Inbox, kind: Kind, text: str) -> str:
    item = inbox.put(kind, words(text))
    assert item is not None
    return item.id


def texts(items: tuple[Item, ...]) -> list[str]:
    return [item.text for item in items]


def test_steers_go_before_nudges_before_prompts_before_follow_ups() -> None:
    inbox = Inbox()
    for kind in (Kind.FOLLOW_UP, Kind.PROMPT, Kind.NUDGE, Kind.STEER):
        put(inbox, kind, kind.value)
    assert texts(inbox.waiting()) == ["steer", "nudge", "prompt", "follow-up"]


def test_items_of_a_kind_keep_their_order() -> None:
    inbox = Inbox()
    for text in ("a", "b", "c"):
        put(inbox, Kind.STEER, text)
    assert texts(inbox.claim(Boundary.STEP)) == ["a", "b", "c"]


def test_one_at_a_time_delivers_one_steer_per_step() -> None:
    inbox = Inbox()
    put(inbox, Kind.STEER, "a")
    put(inbox, Kind.STEER, "b")
    assert texts(inbox.claim(Boundary.STEP, steering="one-at-a-time")) == ["a"]
    assert texts(inbox.claim(Boundary.STEP, steering="one-at-a-time")) == ["b"]


def test_follow_ups_wait_for_the_end_of_the_run() -> None:
    inbox = Inbox()
    put(inbox, Kind.FOLLOW_UP, "later")
    assert not inbox.due(Boundary.STEP)
    assert inbox.claim(Boundary.STEP) == ()
    assert texts(inbox.claim(Boundary.RUN_END)) == ["later"]


@pytest.mark.parametrize(
    ("mode", "delivered"), [("one-at-a-time", ["one"]), ("all", ["one", "two", "three"])]
)
def test_follow_ups_go_by_their_mode(mode: str, delivered: list[str]) -> None:
    inbox = Inbox()
    for text in ("one", "two", "three"):
        put(inbox, Kind.FOLLOW_UP, text)
    assert texts(inbox.claim(Boundary.RUN_END, follow_up=mode)) == delivered  # type: ignore[arg-type]


def test_a_steer_overtakes_waiting_follow_ups_and_leaves_them_waiting() -> None:
    inbox = Inbox()
    put(inbox, Kind.FOLLOW_UP, "later")
    put(inbox, Kind.STEER, "now")
    assert texts(inbox.claim(Boundary.RUN_END)) == ["now"]
    assert texts(inbox.claim(Boundary.RUN_END)) == ["later"]


def test_a_claim_given_back_returns_to_its_old_place() -> None:
    inbox = Inbox()
    first = put(inbox, Kind.STEER, "first")
    inbox.claim(Boundary.STEP)
    put(inbox, Kind.STEER, "second")
    inbox.give_back([first])
    assert texts(inbox.claim(Boundary.STEP)) == ["first", "second"]


def test_an_item_edited_while_it_is_claimed_is_delivered_as_edited() -> None:
    inbox = Inbox()
    item = put(inbox, Kind.STEER, "tpyo")
    inbox.claim(Boundary.STEP)
    assert inbox.edit(item, words("typo"))
    committed = inbox.commit(item)
    assert committed is not None
    assert committed.text == "typo"


def test_an_item_withdrawn_while_it_is_claimed_is_not_delivered() -> None:
    inbox = Inbox()
    item = put(inbox, Kind.STEER, "no")
    inbox.claim(Boundary.STEP)
    assert inbox.withdraw(item) is not None
    assert inbox.commit(item) is None
    assert inbox.state_of(item) is ItemState.WITHDRAWN


def test_after_delivery_every_verb_says_no_and_changes_nothing() -> None:
    inbox = Inbox()
    item = put(inbox, Kind.STEER, "done")
    inbox.claim(Boundary.STEP)
    inbox.commit(item)
    assert inbox.withdraw(item) is None
    assert not inbox.edit(item, words("x"))
    assert not inbox.convert(item, Kind.NUDGE)
    assert not inbox.reorder(item, 1)
    assert inbox.state_of(item) is ItemState.DELIVERED


def test_the_same_id_twice_is_one_item_even_after_its_delivery() -> None:
    inbox = Inbox()
    item = inbox.put(Kind.PROMPT, words("once"), "ID")
    assert item is not None
    assert inbox.put(Kind.PROMPT, words("once"), "ID") is None
    inbox.claim(Boundary.STEP)
    inbox.commit("ID")
    assert inbox.put(Kind.PROMPT, words("once"), "ID") is None
    assert len(inbox) == 0


def test_reorder_moves_within_the_kind_only_and_stops_at_its_ends() -> None:
    inbox = Inbox()
    put(inbox, Kind.STEER, "steer")
    for text in ("a", "b", "c"):
        put(inbox, Kind.FOLLOW_UP, text)
    c = inbox.waiting()[-1].id
    assert inbox.reorder(c, -1)
    assert texts(inbox.waiting()) == ["steer", "a", "c", "b"]
    assert inbox.reorder(c, -9)
    assert texts(inbox.waiting()) == ["steer", "c", "a", "b"]
    assert not inbox.reorder(c, -1)


def test_a_promoted_follow_up_goes_with_the_steers() -> None:
    inbox = Inbox()
    put(inbox, Kind.FOLLOW_UP, "a")
    b = put(inbox, Kind.FOLLOW_UP, "b")
    assert inbox.convert(b, Kind.STEER)
    assert texts(inbox.claim(Boundary.STEP)) == ["b"]


def test_what_was_accepted_after_a_cancel_is_not_touched_by_it() -> None:
    inbox = Inbox()
    put(inbox, Kind.FOLLOW_UP, "before")
    mark = inbox.mark()
    put(inbox, Kind.FOLLOW_UP, "after")
    assert texts(inbox.withdraw_until(mark)) == ["before"]
    assert texts(inbox.waiting()) == ["after"]


def test_held_items_wait_for_release_while_new_ones_are_delivered() -> None:
    inbox = Inbox()
    put(inbox, Kind.STEER, "held")
    inbox.hold()
    assert inbox.paused
    put(inbox, Kind.PROMPT, "new")
    assert texts(inbox.claim(Boundary.RUN_END)) == ["new"]
    inbox.release()
    assert not inbox.paused
    assert texts(inbox.claim(Boundary.RUN_END)) == ["held"]


def test_promoting_a_held_item_frees_it() -> None:
    inbox = Inbox()
    held = put(inbox, Kind.FOLLOW_UP, "held")
    inbox.hold()
    inbox.convert(held, Kind.STEER)
    assert texts(inbox.claim(Boundary.STEP)) == ["held"]


def test_an_empty_message_is_refused_and_a_picture_alone_is_not() -> None:
    inbox = Inbox()
    with pytest.raises(ValueError, match="empty"):
        inbox.put(Kind.PROMPT, words("  \n "))
    assert len(inbox) == 0
    picture = inbox.put(Kind.STEER, [TextBlock(" "), ImageBlock("image/png", "aGk=")])
    assert picture is not None
    assert picture.content == (ImageBlock("image/png", "aGk="),)


def test_a_restored_inbox_goes_on_where_it_was_and_gives_new_places() -> None:
    old = Inbox()
    put(old, Kind.FOLLOW_UP, "b")
    claimed = put(old, Kind.STEER, "a")
    old.claim(Boundary.STEP)
    new = Inbox()
    new.restore(old.waiting(), {"gone": ItemState.DELIVERED})
    assert new.state_of(claimed) is ItemState.QUEUED
    assert new.put(Kind.PROMPT, words("again"), "gone") is None
    put(new, Kind.FOLLOW_UP, "c")
    assert texts(new.waiting()) == ["a", "b", "c"]


@pytest.mark.parametrize("state", list(ItemState))
@pytest.mark.parametrize("verb", ["claim", "commit", "give_back", "withdraw"])
def test_every_illegal_transition_raises_and_changes_nothing(state: ItemState, verb: str) -> None:
    item = Item("id", Kind.STEER, words("x"), 1, 0.0, state)
    if (state, verb) in TRANSITIONS:
        assert item.step(verb).state is TRANSITIONS[state, verb]
    else:
        with pytest.raises(IllegalTransition, match=verb):
            item.step(verb)
        assert item.state is state


class InboxAgainstTheRules(RuleBasedStateMachine):
    """Any history of verbs: each item is in exactly one place, delivered at most once, order kept."""

    def __init__(self) -> None:
        super().__init__()
        self.inbox = Inbox()
        self.accepted: list[str] = []
        self.claimed: list[str] = []
        self.delivered: list[str] = []
        self.withdrawn: set[str] = set()

    @rule(kind=st.sampled_from(Kind))
    def accept(self, kind: Kind) -> None:
        self.accepted.append(put(self.inbox, kind, f"t{len(self.accepted)}"))

    @rule(boundary=st.sampled_from(Boundary), mode=st.sampled_from(["all", "one-at-a-time"]))
    def claim(self, boundary: Boundary, mode: str) -> None:
        items = self.inbox.claim(boundary, mode, mode)  # type: ignore[arg-type]
        assert list(items) == sorted(items, key=lambda item: item.order)
        assert all(item.kind in boundary.value and item.kind is not Kind.COMPACT for item in items)
        barriers = [i.place for i in self.inbox.waiting() if i.kind is Kind.COMPACT and i.state == "queued"]
        step_kinds = [item.place for item in items if item.kind is not Kind.FOLLOW_UP]
        assert not barriers or all(place < min(barriers) for place in step_kinds)
        assert not barriers or len(step_kinds) == len(items), "a follow-up went before a compaction"
        self.claimed += [item.id for item in items]

    @rule()
    def claim_compaction(self) -> None:
        due = self.inbox.compaction_due()
        item = self.inbox.claim_compaction()
        assert (item is not None) == due
        if item is not None:
            assert item.kind is Kind.COMPACT
            self.claimed.append(item.id)

    @precondition(lambda self: self.claimed)
    @rule()
    def commit(self) -> None:
        item = self.claimed.pop(0)
        if self.inbox.commit(item) is None:
            assert item in self.withdrawn
        else:
            self.delivered.append(item)

    @precondition(lambda self: self.claimed)
    @rule()
    def give_back(self) -> None:
        self.inbox.give_back(self.claimed)
        self.claimed.clear()

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def user_verb(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.accepted))
        verb = data.draw(st.sampled_from(["withdraw", "edit", "convert", "reorder"]))
        alive = item in self.inbox
        if verb == "withdraw":
            assert (self.inbox.withdraw(item) is not None) == alive
            if alive:
                self.withdrawn.add(item)
        elif verb == "edit":
            assert self.inbox.edit(item, words("edited")) == alive
        elif verb == "convert":
            kind = data.draw(st.sampled_from(Kind))
            waiting = self.inbox.get(item)
            message = waiting is not None and Kind.COMPACT not in (waiting.kind, kind)
            assert self.inbox.convert(item, kind) == message
        else:
            before = len(self.inbox)
            self.inbox.reorder(item, data.draw(st.integers(-3, 3)))
            assert len(self.inbox) == before

    @invariant()
    def each_item_is_in_exactly_one_place(self) -> None:
        waiting = {item.id for item in self.inbox.waiting()}
        delivered = set(self.delivered)
        assert len(self.delivered) == len(delivered)
        assert not waiting & delivered
        assert not waiting & self.withdrawn
        assert not delivered & self.withdrawn
        assert waiting | delivered | self.withdrawn == set(self.accepted)
        places = [item.place for item in self.inbox.waiting()]
        assert len(places) == len(set(places))


InboxAgainstTheRules.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestInboxAgainstTheRules = InboxAgainstTheRules.TestCase


def test_reorder_neither_frees_a_held_item_nor_holds_a_free_one() -> None:
    inbox = Inbox()
    held = put(inbox, Kind.FOLLOW_UP, "held")
    inbox.hold()
    free = put(inbox, Kind.FOLLOW_UP, "free")
    inbox.reorder(held, 1)
    inbox.reorder(free, -1)
    assert [item.id for item in inbox.claim(Boundary.RUN_END, follow_up="all")] == [free]


def test_a_compaction_keeps_its_place_and_what_was_accepted_later_waits_for_it() -> None:
    inbox = Inbox()
    put(inbox, Kind.FOLLOW_UP, "at the end")
    put(inbox, Kind.NUDGE, "before")
    put(inbox, Kind.COMPACT, "/compact")
    put(inbox, Kind.STEER, "behind")
    assert texts(inbox.waiting()) == ["before", "/compact", "behind", "at the end"]
    assert not inbox.compaction_due()
    assert inbox.claim_compaction() is None
    assert texts(inbox.claim(Boundary.STEP)) == ["before"]
    assert inbox.claim(Boundary.RUN_END) == ()
    order = inbox.claim_compaction()
    assert order is not None
    inbox.commit(order.id)
    assert texts(inbox.claim(Boundary.STEP)) == ["behind"]
    assert texts(inbox.claim(Boundary.RUN_END)) == ["at the end"]


def test_a_held_compaction_holds_nobody_back() -> None:
    inbox = Inbox()
    put(inbox, Kind.COMPACT, "/compact")
    inbox.hold()
    put(inbox, Kind.PROMPT, "new")
    assert not inbox.compaction_due()
    assert texts(inbox.claim(Boundary.STEP)) == ["new"]


@given(st.lists(st.sampled_from(["steer", "nudge", "prompt", "follow-up", "compact"]), max_size=12))
def test_the_snapshot_is_the_order_of_delivery(kinds: list[str]) -> None:
    inbox = Inbox()
    for kind in kinds:
        put(inbox, Kind(kind), kind)
    shown = [row.id for row in inbox.snapshot()]
    taken: list[str] = []
    while items := (order,) if (order := inbox.claim_compaction()) else inbox.claim(Boundary.RUN_END):
        for item in items:
            taken.append(item.id)
            inbox.commit(item.id)
    assert taken == shown
