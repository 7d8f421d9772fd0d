"""Git that only looks, in a repository that may be hostile.

A repository's own configuration can make git run programs even when it only looks: a file system monitor, external
diffs, text conversions, filters, hooks of a submodule. So a git command that runs unasked does so

- only when no key of the repository's configuration (with what it includes) names a program (`names_programs`);
- in an environment (`guard`) that outranks the configuration, fetches nothing, takes no lock, and in which `git`
  is a shell function that adds the flags against conversions and against looking into submodules, whose
  configuration nobody has read.

The user's own configuration (`~/.gitconfig`, the system's) is trusted, as everywhere.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from h2a_agent.tools.child_env import child_env

__all__ = ["guard", "names_programs"]

_OVERRIDES: Final = {
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.pager": "cat",
    "core.sshCommand": "false",
    "core.attributesFile": "/dev/null",
    "diff.external": "",
    "diff.submodule": "short",
    "diff.ignoreSubmodules": "all",
    "status.submoduleSummary": "false",
    "submodule.recurse": "false",
    "log.showSignature": "false",
    "credential.helper": "",
    "protocol.allow": "never",
}
# As `git diff` would be typed with the flags; other verbs go through as they are.
_FUNCTION: Final = """() {
  local -a globals=()
  while [[ $1 == --no-pager || $1 == -P || $1 == --no-optional-locks ]]; do globals+=("$1"); shift; done
  local verb=$1; shift
  case $verb in
    diff|diff-index|diff-files) set -- --no-ext-diff --no-textconv --ignore-submodules=all "$@" ;;
    log|show|whatchanged|diff-tree) set -- --no-ext-diff --no-textconv "$@" ;;
    status) set -- --ignore-submodules=all "$@" ;;
    blame|grep) set -- --no-textconv "$@" ;;
    stash) [[ $1 == show ]] && { shift; set -- show --no-ext-diff --no-textconv "$@"; } ;;
  esac
  command git "${globals[@]}" "$verb" "$@"
}"""
_NAMES_A_PROGRAM: Final = re.compile(
    r"filter\..*|gpg\..*|diff\..*\.(?:command|textconv)|core\.worktree|remote\..*\.vcs",
    re.IGNORECASE,
)
_PATIENCE_S: Final = 5.0


def _guard() -> dict[str, str]:
    env = {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "BASH_FUNC_git%%": _FUNCTION,
        "GIT_CONFIG_COUNT": str(len(_OVERRIDES)),
        # Go asks git, too, and would fetch modules and toolchains.
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "CARGO_NET_OFFLINE": "true",
    }
    for n, (key, value) in enumerate(_OVERRIDES.items()):
        env |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
    return env


_GUARD: Final[Mapping[str, str]] = _guard()


def guard() -> Mapping[str, str]:
    """The environment for commands that run unasked. Programs are looked for in absolute folders only."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return {**_GUARD, "PATH": os.pathsep.join(folder for folder in folders if Path(folder).is_absolute())}


def names_programs(folder: Path) -> bool:
    """Does the configuration of the repository around `folder` name a program, or can that not be told?

    True, too, where there is no bash to have the guarding function. Listing the configuration runs nothing; it takes
    some milliseconds, so it is for a thread.
    """
    if not (os.access("/bin/bash", os.X_OK) or shutil.which("bash")):
        return True
    try:
        listed = subprocess.run(
            ["git", "config", "--null", "--show-scope", "--name-only", "--list"],
            cwd=folder,
            env=child_env({}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return True
    fields = listed.decode("utf-8", "replace").split("\0")
    return any(
        scope in ("local", "worktree") and _NAMES_A_PROGRAM.fullmatch(name)
        for scope, name in zip(fields[::2], fields[1::2], strict=False)
    )
