"""Markdown to rows: what each construct looks like, that everything fits, and that streaming changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pygments.token import Token
from rich.cells import cell_len
from rich.style import Style

from h2a_themes import load
from h2a_tui.theme import styles_of
from h2a_tui.transcript.answer import Code, Prose
from h2a_tui.transcript.code import LineLexer
from h2a_tui.transcript.items import Item
from h2a_tui.transcript.lines import Line, Page, copied_text, make_strip, wrap
from h2a_tui.transcript.markdown import render, safe_link
from h2a_tui.transcript.stream import LONG_PARAGRAPH, LONG_TABLE, Splitter

STYLES = styles_of(load("dark"))
PAGE = Page(60, STYLES)


def texts(source: str, width: int = 60) -> list[str]:
    return [line.text.rstrip() for line in render(source, width, STYLES)]


def style_of(source: str, words: str) -> Style:
    for line in render(source, 200, STYLES):
        for segment in line.segments:
            if words in segment.text:
                assert segment.style is not None
                return segment.style
    raise AssertionError(f"{words!r} is not there")


# -------------------------------------------------------------------- wrapping


def test_words_wrap_between_words_and_remember_what_was_dropped() -> None:
    lines = wrap([("one two  three", STYLES.page)], 8)
    assert [(line.text, line.join) for line in lines] == [("one two", None), ("three", "  ")]


def test_a_word_wider_than_the_row_is_cut_and_joins_without_space() -> None:
    lines = wrap([("see abcdefghij", STYLES.page)], 6)
    assert [(line.text, line.join) for line in lines] == [("see", None), ("abcdef", " "), ("ghij", "")]


def test_wide_characters_fill_the_row_and_are_never_halved() -> None:
    lines = wrap([("ab 漢字漢字", STYLES.page)], 6)
    assert [line.text for line in lines] == ["ab 漢", "字漢字"]


@pytest.mark.parametrize(
    ("text", "width", "rows"),
    [
        ("Final line: 这是一个很长的段落。", 20, ["Final line: 这是一个", "很长的段落。"]),
        ("请用 `pytest` 运行测试，再提交", 16, ["请用 `pytest` 运", "行测试，再提交"]),
        ("文件foo_bar.py在这里", 12, ["文件", "foo_bar.py在", "这里"]),
    ],
)
def test_chinese_among_words_fills_the_row_and_words_stay_whole(
    text: str, width: int, rows: list[str]
) -> None:
    assert [line.text for line in wrap([(text, STYLES.page)], width)] == rows


def test_no_row_begins_with_a_mark_that_closes_or_ends_with_one_that_opens() -> None:
    lines = wrap([("日本語「引用」です、ルー々。", STYLES.page)], 8)
    assert [line.text for line in lines] == ["日本語", "「引用」", "です、", "ルー々。"]


def test_a_cluster_of_code_points_stays_together() -> None:
    family = "👨‍👩‍👧"
    lines = wrap([(family * 3, STYLES.page)], 4)
    assert [line.text for line in lines] == [family * 2, family]


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "漢", "é", "👍", "👨‍👩‍👧", " "])).map("".join), max_size=4),
    st.integers(min_value=2, max_value=20),
)
def test_wrapped_rows_fit_and_join_to_the_text(pieces: list[str], width: int) -> None:
    lines = wrap([(piece, STYLES.page) for piece in pieces], width)
    assert all(cell_len(line.text) <= width for line in lines)
    joined = "".join(("" if line.join is None else line.join) + line.text for line in lines)
    assert joined.rstrip() == "".join(pieces).rstrip()


# ------------------------------------------------------------------ constructs


def test_headings_differ_by_level_and_have_no_marks() -> None:
    assert texts("# One\n## Two\n### Three") == ["One", "", "Two", "", "Three"]
    assert style_of("# One", "One").underline
    assert style_of("## Two", "Two").bold
    assert style_of("## Two", "Two").color != STYLES.page.color


def test_nested_lists_indent_and_change_their_bullet() -> None:
    assert texts("- a\n  - b\n    - c\n- d") == ["• a", "  ◦ b", "    ▪ c", "• d"]


def test_a_numbered_list_counts_from_its_start_and_indents_what_wraps() -> None:
    assert texts("9. nine\n9. ten words long", 12) == ["9. nine", "10. ten", "    words", "    long"]


def test_a_task_list_has_boxes_instead_of_bullets() -> None:
    assert texts("- [x] done\n- [ ] open\n- [z] no") == ["☑ done", "☐ open", "• [z] no"]


def test_paragraphs_of_one_list_item_have_air_between_them() -> None:
    assert texts("- a\n\n  b\n- c") == ["• a", "", "  b", "• c"]


def test_a_quote_has_a_bar_on_every_row() -> None:
    assert texts("> one two three\n> > deep", 13) == ["▎ one two", "▎ three", "▎", "▎ ▎ deep"]


def test_inline_styles_combine() -> None:
    style = style_of("**bold _both_**", "both")
    assert style.bold
    assert style.italic
    assert style_of("~~gone~~", "gone").strike
    assert style_of("a `b` c", "b").bgcolor == STYLES.inline_code.bgcolor


def test_a_hard_break_is_a_row_of_its_own_and_a_soft_one_a_space() -> None:
    assert texts("a\\\nb\nc") == ["a", "b c"]


def test_a_rule_spans_the_column() -> None:
    assert texts("---", 12) == ["─" * 12]


def test_raw_html_is_shown_as_text() -> None:
    assert texts("<script>\nalert(1)\n</script>") == ["<script>", "alert(1)", "</script>"]


def test_code_keeps_its_indentation_and_is_coloured() -> None:
    source = "```python\ndef f():\n\treturn 1\n```"
    assert texts(source) == [" def f():", "     return 1"]
    assert style_of(source, "def").color == STYLES.syntax(Token.Keyword).color


# ---------------------------------------------------------------------- tables

TABLE = "| name | size | note |\n|:--|--:|:-:|\n| `a` | 1 | x |\n| bee | 200 | y |"


def test_a_table_is_aligned_as_it_says() -> None:
    assert texts(TABLE) == [
        "name │ size │ note",
        "─────┼──────┼─────",
        "a    │    1 │  x",
        "bee  │  200 │  y",
    ]


@pytest.mark.parametrize("width", [12, 20, 26, 33, 50, 100])
def test_a_table_fits_any_width(width: int) -> None:
    source = "| a long heading | another | third |\n|--|--|--|\n| some words here | `code_with_a_long_name` | 漢字漢字漢字 |"
    lines = render(source, width, STYLES)
    assert max(cell_len(line.text) for line in lines) <= width
    shown = "".join(line.text for line in lines)
    assert "some" in shown
    assert "漢" in shown


def test_a_table_too_wide_for_columns_becomes_records() -> None:
    source = "| aa | bb | cc |\n|--|--|--|\n| one one | two two | three |"
    assert texts(source, 14) == ["aa: one one", "bb: two two", "cc: three"]


# ----------------------------------------------------------------------- links


def test_a_link_opens_in_the_terminal_and_says_where_it_leads() -> None:
    assert texts("[docs](https://x.org/a)") == ["docs (https://x.org/a)"]
    assert style_of("[docs](https://x.org/a)", "docs").link == "https://x.org/a"
    assert texts("<https://x.org/a>") == ["https://x.org/a"]


def test_a_link_that_names_another_place_gives_itself_away() -> None:
    assert texts("[https://bank.org](https://evil.org)") == ["https://bank.org (https://evil.org)"]


def test_an_address_in_the_text_is_a_link_without_its_full_stop() -> None:
    source = "see https://x.org/a_b?c=1, or (https://y.org)."
    assert texts(source) == [source]
    assert style_of(source, "a_b").link == "https://x.org/a_b?c=1"
    assert style_of(source, "y.org").link == "https://y.org"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "x.py",
        "https://x\x1b\\y",
        "https://ä.org",
        "https://" + "a" * 3000,
        "",
    ],
)
def test_other_addresses_are_never_given_to_the_terminal(address: str) -> None:
    assert safe_link(address) == ""


def test_a_harmful_scheme_leaves_only_the_words() -> None:
    assert texts("[run](data:text/html,x)") in (["run"], ["[run](data:text/html,x)"])
    assert style_of("[run](file:///x)", "run").link is None


# ------------------------------------------------------------------------ code


def test_a_string_over_several_lines_stays_a_string() -> None:
    lexer = LineLexer("python")
    lexer.line('x = """a', STYLES)
    inside = lexer.line("def no():", STYLES)
    assert {style.color for _, style in inside} == {STYLES.syntax(Token.Literal.String.Double).color}


def test_a_block_comment_over_several_lines_stays_a_comment() -> None:
    lexer = LineLexer("js")
    lexer.line("let a; /* one", STYLES)
    (run,) = lexer.line("let two;", STYLES)
    assert run[1].italic
    assert not any(style.italic for text, style in lexer.line("end */ let b;", STYLES) if "let" in text)


def test_peeking_at_a_growing_line_leaves_the_state() -> None:
    lexer = LineLexer("python")
    before = lexer.state
    lexer.peek('"""open', STYLES)
    assert lexer.state == before


@pytest.mark.parametrize(
    "language", ["python", "js", "c", "json", "yaml", "html", "bash", "rust", "diff", "nonsense", ""]
)
@given(text=st.text(alphabet="ab \"'/*#{}()[]<>=\\$`-:\n", max_size=80))
@settings(max_examples=25, deadline=None)
def test_colouring_loses_no_character(language: str, text: str) -> None:
    lexer = LineLexer(language)
    for line in text.split("\n"):
        assert "".join(value for value, _ in lexer.line(line, STYLES)) == line


def test_a_line_of_data_is_shown_plain() -> None:
    ((text, style),) = LineLexer("python").line("x = 1; " * 1000, STYLES)
    assert len(text) == 7000
    assert style == STYLES.code


# ------------------------------------------------------------------- streaming


def painted(lines: list[Line]) -> list[object]:
    """Rows as cells: character by character with style, so that the cut into segments does not matter."""
    return [
        (line.join, line.lead, line.fill, [(char, s.style) for s in line.segments for char in s.text])
        for line in lines
    ]


def rows_of(items: list[Item]) -> list[object]:
    return painted([line for item in items for line in item.render(PAGE)])


def streamed(pieces: list[str], *, drawn: bool = True) -> list[Item]:
    splitter = Splitter()
    items: list[Item] = []
    for piece in pieces:
        items += splitter.feed(piece)
        if drawn:
            splitter.open.render(PAGE)  # as a frame would
    return items + splitter.finish()


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces: list[str] = []
    position = 0
    while position < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[position : position + size])
        position += size
    return pieces


BLOCKS = st.sampled_from(
    [
        "A paragraph with **strong**, _em_, `code` and https://x.org/y.",
        "Two lines\nof one paragraph",
        "# Title",
        "Setext\n===",
        "- one\n- two\n\n  more of two\n- three",
        "- a\n  1. x\n  2. y\n- b\n\n      code in a list",
        "3. three\n3. four\n3. five",
        "- [x] done\n- [ ] open",
        "> quoted\n> - list\n\n> another",
        "```python\ndef f():\n    '''doc\n    more'''\n\n    return 1\n```",
        "~~~\nplain ``` ticks\n~~~",
        "  ```js\n  indented();\n  ```",
        "````md\n```\nnested\n```\n````",
        "```\n```",
        TABLE,
        "---",
        "    indented code\n\n    more",
        "<div>\nhtml\n</div>",
        "* star\n\n+ plus",
        "漢字とかな。" * 8,
        "```unclosed\nx = 1",
    ]
)
RAW = st.text(alphabet="ab1 \n\n-#>`*_|.~=+)(\t<", max_size=60)
SIZES = st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=5)


@given(st.lists(BLOCKS, max_size=6), st.sampled_from(["\n\n", "\n"]), SIZES)
@settings(max_examples=150, deadline=None)
def test_blocks_cut_anywhere_give_the_rows_of_the_whole(
    blocks: list[str], between: str, sizes: list[int]
) -> None:
    source = between.join(blocks)
    assert rows_of(streamed(cut(source, sizes))) == rows_of([Prose(source)])


@given(RAW, SIZES)
@settings(max_examples=300, deadline=None)
@example("- a\n--", [1])
@example("- a\n- -\n- - -", [1])
@example("a\n|b|\n|-|\n", [3])
def test_any_text_cut_anywhere_gives_the_rows_of_the_whole(source: str, sizes: list[int]) -> None:
    assert rows_of(streamed(cut(source, sizes))) == rows_of([Prose(source)])


@pytest.mark.parametrize("space", [" ", ""])
def test_a_paragraph_without_end_is_cut_the_same_however_it_comes(space: str) -> None:
    word = "word " if space else "漢"
    source = "Intro.\n\n" + word * (3 * LONG_PARAGRAPH // len(word)) + "\n\n## After"
    whole = streamed([source])
    assert rows_of(streamed(cut(source, [7]), drawn=False)) == rows_of(whole)
    assert rows_of(streamed(cut(source, [1999, 3]))) == rows_of(whole)
    assert max(len(item.source) for item in whole if isinstance(item, Prose)) <= LONG_PARAGRAPH
    lines = [line for item in whole for line in item.render(PAGE)]
    assert copied_text((line, 0, None) for line in lines).strip() == source.replace("## ", "").replace(
        " \n", "\n"
    )


@pytest.mark.parametrize("word", ["word ", "漢", "line\n", "x = 1\n"])
def test_what_is_open_stays_small_however_long_the_answer(word: str) -> None:
    splitter = Splitter()
    splitter.feed("```\n" if "=" in word else "- item\n" if "\n" in word else "")
    longest = 0
    for _ in range(20_000 // len(word)):
        splitter.feed(word if "line" not in word else "- " + word)
        longest = max(
            longest,
            len(splitter.open.source) if isinstance(splitter.open, Prose) else len(splitter.open.source) * 6,
        )
    assert longest <= LONG_PARAGRAPH + len(word)


def table(rows: int) -> str:
    body = "\n".join(f"| name {n} | {'x' * (n // 40)} | {n * n} |" for n in range(rows))
    return f"| what | {'said'} | n |\n|---|:--|--:|\n{body}\n"


def longest_open(source: str) -> int:
    splitter = Splitter()
    longest = 0
    for piece in cut(source, [11]):
        splitter.feed(piece)
        assert isinstance(splitter.open, Prose)
        longest = max(longest, len(splitter.open.source))
    return longest


def test_a_table_without_end_is_divided_the_same_however_it_comes() -> None:
    source = f"Intro.\n\n{table(400)}\nAfter."
    whole = streamed([source])
    assert rows_of(streamed(cut(source, [7]), drawn=False)) == rows_of(whole)
    assert rows_of(streamed(cut(source, [997, 3]))) == rows_of(whole)
    assert longest_open(source) <= LONG_TABLE + 100
    text = [line.text for item in whole for line in item.render(PAGE)]
    assert sum("what" in line for line in text) == 1
    assert [line.split()[1] for line in text if line.startswith("name")] == [f"{n}" for n in range(400)]
    edges = {line.rindex("│") for line in text if line.startswith("name")}
    assert len(edges) == 1


def test_a_divided_table_that_does_not_fit_is_records_all_the_way() -> None:
    narrow = Page(18, STYLES)
    parts = streamed([table(200)])
    text = [line.text for item in parts for line in item.render(narrow)]
    assert sum(line.startswith("what:") for line in text) == 200
    assert text.count("") == 200  # one above the table, and one between each two


@pytest.mark.parametrize("first", ["> ", "- ", "12. "])
def test_blocks_of_a_container_without_end_are_drawn_as_in_the_whole(first: str) -> None:
    rest = "> " if first == "> " else " " * len(first)
    blocks = [f"Block {n} *with* " + "words " * (n % 30) for n in range(60)]
    between = f"\n{rest.rstrip()}\n"
    source = first + f"{between}{rest}".join(blocks) + "\n"
    assert rows_of(streamed(cut(source, [13]))) == rows_of([Prose(source)])
    assert longest_open(source) < 600


def test_a_list_goes_on_counting_behind_a_long_item() -> None:
    source = "7. one\n\n   more of it\n\n   and more\n8. two\n9. three\n"
    items = streamed(cut(source, [5]))
    assert len(items) > 3
    assert rows_of(items) == rows_of([Prose(source)])


CONTAINED = st.lists(
    st.sampled_from(
        ["para", "# h", "- x", "1. y", "> q", "```", "---", "", "", "  in", "\tt", "    code", "|a|", "|-|"]
    ),
    max_size=12,
)


@given(st.sampled_from(["> ", "- ", "*   ", "3) "]), CONTAINED, SIZES)
@settings(max_examples=300, deadline=None)
@example("+  ", ["", "  in", "- [x] t", "", "> q", "", "   x"], [14, 38])
@example("- ", ["# h", "\tt", "    code", "", "> q"], [1])
@example("- ", ["three", "", "  in", "", "  in", "", "```", "x", "```"], [1])
def test_any_container_cut_anywhere_gives_the_rows_of_the_whole(
    first: str, lines: list[str], sizes: list[int]
) -> None:
    rest = first if first == "> " else " " * len(first)
    source = first + f"\n{rest}".join(lines) + "\n\nafter"
    assert rows_of(streamed(cut(source, sizes))) == rows_of([Prose(source)])


def test_a_long_fence_is_divided_and_keeps_its_colours() -> None:
    code = "\n".join(['x = """', *(f"line {i}" for i in range(200)), '"""', "y = 1"])
    items = streamed(cut(f"```python\n{code}\n```\n", [50]))
    parts = [item for item in items if isinstance(item, Code)]
    assert len(parts) == 4
    whole = list(render(f"```python\n{code}\n```", PAGE.column, STYLES))
    assert rows_of(list(parts)) == painted([Line([]), *whole])


def test_parts_of_a_fence_nobody_has_seen_are_lexed_when_the_last_is() -> None:
    code = "\n".join(['x = """', *(f"line {i}" for i in range(300))])
    splitter = Splitter()
    items = [*splitter.feed(f"```python\n{code}\n"), *splitter.finish()]
    style = items[-1].render(PAGE)[0].segments[1].style
    assert style is not None
    assert style.color == STYLES.syntax(Token.Literal.String).color


@pytest.mark.parametrize("mark", ["-", "##", "``", "1.", "--", "| ", "**"])
def test_a_mark_alone_is_not_drawn_before_what_it_marks(mark: str) -> None:
    splitter = Splitter()
    splitter.feed("Some words\n" + mark)
    assert [line.text for line in splitter.open.render(PAGE)] == ["", "Some words"]


def test_a_fence_shows_each_character_as_it_comes_and_hides_its_end() -> None:
    splitter = Splitter()
    splitter.feed("```py\nx = 1\ny")
    assert [line.text for line in splitter.open.rows(PAGE)] == [" x = 1", " y"]
    splitter.feed(" = 2\n``")
    assert [line.text for line in splitter.open.rows(PAGE)] == [" x = 1", " y = 2"]


def test_closed_blocks_are_closed_once() -> None:
    splitter = Splitter()
    closed = [
        item for piece in cut("# A\n\nb\n\n- c\n- d\n\n```\ne\n```\nf", [1]) for item in splitter.feed(piece)
    ]
    sources = [item.source for item in closed if isinstance(item, Prose)]
    assert [source.strip() for source in sources] == ["# A", "b", "- c", "- d"]
    assert len(closed) == 5


# -------------------------------------------------------------- last choke point


@given(st.text(max_size=40))
@example("\x1b]52;c;aGk=\x07\u202e\u200b\x9b31m\U000e0041\t\n\r")
def test_no_strip_holds_a_control_or_hidden_character(text: str) -> None:
    """Even when unsafe text gets as far as a row, which no event allows."""
    strip = make_strip(Line(wrap([(text, STYLES.page)], PAGE.column)[0].segments), PAGE)
    assert strip.cell_length == sum(segment.cell_length for segment in strip)
    spaces = {char for char in strip.text if char.isspace() and not char.isprintable()}
    assert not spaces & set("\n\r\t\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029")
    assert all(char.isprintable() or char in spaces or char in "\u200c\u200d" for char in strip.text)
    assert cell_len(strip.text) == PAGE.width


@given(RAW, st.integers(min_value=8, max_value=60))
@settings(max_examples=100, deadline=None)
def test_every_row_fits_its_column(source: str, width: int) -> None:
    page = Page(width, STYLES)
    for line in Prose(source).render(page):
        assert cell_len(line.text) <= page.column
        assert make_strip(line, page).cell_length == width
