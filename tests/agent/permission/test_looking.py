"""Which commands run without a question: none of a dangerous corpus, nearly all of a harmless one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.permission import is_auto_allowed
from h2a_agent.permission.shell import Unreadable, parse
from support.corpus import commands

HERE = Path(__file__).parent
DANGEROUS = commands(HERE / "dangerous.txt") + commands(HERE / "heldout_dangerous.txt")
HARMLESS = commands(HERE / "harmless.txt")
HARMLESS_HELD_OUT = commands(HERE / "heldout_harmless.txt")


def test_corpora_are_large() -> None:
    assert len(DANGEROUS) >= 1300
    assert len(HARMLESS) >= 400
    assert len(HARMLESS_HELD_OUT) >= 400


def test_no_dangerous_command_is_allowed() -> None:
    assert [line for line in DANGEROUS if is_auto_allowed(line)] == []


@pytest.mark.parametrize("lines", [HARMLESS, HARMLESS_HELD_OUT], ids=["known", "held out"])
def test_hardly_any_harmless_command_is_asked_about(lines: list[str]) -> None:
    asked = [line for line in lines if not is_auto_allowed(line)]
    assert len(asked) <= len(lines) * 0.05, asked


# ------------------------------------------------------------------ mutations

ONE_WORD = [line for line in DANGEROUS if line.isascii() and line.isprintable() and line.count(" ") <= 4]
WRAPPERS = [
    "{}",
    " {}",
    "{}  ",
    "{} ",
    "ls; {}",
    "ls && {}",
    "{} | cat",
    "({})",
    "! {}",
    "cd src && {}",
    "timeout 5 {}",
    "time {}",
    "nice {}",
    "ls\n{}",
    "{} 2>/dev/null",
    "{} 2>&1 | head",
    "[ -d x ] && {}",
    "echo 'a' ; {}",
    "sleep 1; {}",
]


@given(line=st.sampled_from(ONE_WORD), wrappers=st.lists(st.sampled_from(WRAPPERS), max_size=3))
def test_no_wrapping_makes_a_dangerous_command_pass(line: str, wrappers: list[str]) -> None:
    for wrapper in wrappers:
        line = wrapper.format(line) if "{" not in line and "}" not in line else wrapper.replace("{}", line)
    assert not is_auto_allowed(line)


PLAIN = [line for line in DANGEROUS if line.isascii() and all(c.isalnum() or c in " -_./=" for c in line)]


@given(line=st.sampled_from(PLAIN), data=st.data())
def test_no_quoting_or_spacing_makes_a_dangerous_command_pass(line: str, data: st.DataObject) -> None:
    words = []
    for word in line.split():
        at = data.draw(st.integers(0, len(word)))
        left, right = word[:at], word[at:]
        forms = [
            word,
            f"'{word}'",
            f'"{word}"',
            f"{left}''{right}",
            f'{left}""{right}',
            f"'{left}'\"{right}\"",
            "".join(f"\\{char}" for char in word),
        ]
        words.append(data.draw(st.sampled_from(forms)))
    gap = data.draw(st.sampled_from([" ", "  ", "\t", " \\\n"]))
    assert not is_auto_allowed(gap.join(words))


@given(line=st.sampled_from(HARMLESS), data=st.data())
def test_nothing_dangerous_can_be_added_to_a_harmless_command(line: str, data: st.DataObject) -> None:
    tail = data.draw(
        st.sampled_from(
            [
                "; touch canary",
                "\ntouch canary",
                " && touch canary",
                " | sh",
                " > canary",
                " >> canary",
                " 2> canary",
                " & touch canary",
                " $(touch canary)",
                " `touch canary`",
                " <(touch canary)",
                ' "$(touch canary)"',
                " | tee canary",
                " | xargs touch",
                " || touch canary",
                " | sort -o canary",
            ]
        )
    )
    assert not is_auto_allowed(line + tail)


@given(st.text(max_size=80))
def test_any_text_gets_an_answer(text: str) -> None:
    assert is_auto_allowed(text) in (True, False)


# ---------------------------------------------------------------- real proofs

CANARIES = [
    "sort -o canary in",
    "sort -ocanary in",
    "sort --output=canary in",
    "sort --outp=canary in",
    "uniq in canary",
    "find . -fprintf canary x",
    "find . -name in -exec touch canary \\;",
    "find . -fls canary",
    "sed 's/a/b/w canary' in",
    "sed -n '1w canary' in",
    "sed 's/a/touch canary/e' in",
    "sed 's/[/b/p;s/]/x/w canary' brackets",
    "awk '{print > \"canary\"}' in",
    "awk 'BEGIN{system(\"touch canary\")}'",
    'awk \'{print "touch canary" | "sh"}\' in',
    "tee canary < in",
    "printf -v 'a[$(touch canary)]' 1",
    "test -v 'a[$(touch canary)]'",
    "[ -v 'a[$(touch canary)]' ]",
    "[[ 'a[$(touch canary)]' -eq 1 ]]",
    "echo $(( a[$(touch canary)] ))",
    "X=$(touch canary) ls",
    '"to"uch canary',
    "$'\\x74ouch' canary",
    "\\touch canary",
    "ls\ntouch canary",
    "ls & touch canary",
    "ls <(touch canary)",
    "ls {canary,x} 2>canary",
    "echo 'touch canary' | sh",
    "echo canary | xargs touch",
    "env touch canary",
    "command touch canary",
    "eval 'touch canary'",
    "trap 'touch canary' EXIT",
    "timeout 5 touch canary",
    "nice touch canary",
    "f() { touch canary; }; f",
    "cat << EOF > canary\nx\nEOF",
    "> canary",
    "ls 2>&1 > canary",
    "date -f in > canary",
    "xxd in canary",
    "tar -cf canary in",
    "split -n1 in canary && touch canary",
    "shuf -o canary in",
    "base64 in >canary",
]


@pytest.mark.parametrize("line", CANARIES)
def test_what_is_refused_really_changes_something(tmp_path: Path, line: str) -> None:
    """Danger is proved, not believed: bash runs the line, and the canary is there."""
    (tmp_path / "in").write_text("a\n")
    (tmp_path / "brackets").write_text("a[/b/p;s/]\n")
    assert not is_auto_allowed(line)
    if "xxd" in line or "s/[/b" in line:
        return  # not on every machine, and seds differ
    subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, capture_output=True, stdin=subprocess.DEVNULL, timeout=20
    )
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize("line", [line for line in HARMLESS if line.split()[0] in ("ls", "cat", "grep", "sed", "awk", "sort", "find", "cut", "uniq", "head", "diff", "tr", "jq", "echo", "printf", "date", "test", "[", "wc")])  # fmt: skip
def test_harmless_commands_really_leave_a_folder_as_it_is(tmp_path: Path, line: str) -> None:
    if "tail -f" in line or "/home" in line or " / " in f"{line} ":
        return
    (tmp_path / "a.txt").write_text("a\nb\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("import os\n")
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, capture_output=True, stdin=subprocess.DEVNULL, timeout=20
    )
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


PIECES = ["ls", " ", "'", '"', "\\", "\n", "$", "(", ")", "|", "<", ">", "&", ";", "#", "x", "{", ",", "}", "=", "`", "~", "*", "-a", "!", "[", "]", "echo", "2>&1", "a"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), min_size=2, max_size=14))
def test_words_are_cut_where_bash_cuts_them(pieces: list[str]) -> None:
    """The reader of words against bash itself, which prints the words it gets: they are the same."""
    try:
        [command] = parse("echo " + "".join(pieces))
    except (Unreadable, ValueError):
        return
    if any(word.glob or word.text.startswith("~") for word in command.words):
        return
    show = """echo() { printf '<%s>' "$@"; }\necho """ + "".join(pieces)
    ran = subprocess.run(["bash", "-c", show], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    expected = "".join(f"<{text}>" for text in command.texts[1:]) or "<>"
    assert expected in (ran.stdout, ran.stderr)


def test_a_long_line_is_not_even_looked_at() -> None:
    assert is_auto_allowed("echo " + "x" * 4000)
    assert not is_auto_allowed("echo " + "x" * 5000)
    assert is_auto_allowed("; ".join(["ls"] * 50))
    assert not is_auto_allowed("; ".join(["ls"] * 51))
