"""The developer's part of the table of programs that only look: packages, containers, GitHub, git.

Each verb stands for itself; one that is not here is asked about. What git needs besides is in `git.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["DEVELOPER_PROGRAMS"]

_GIT_DIFF: Final = (
    "-puswbazRWrctm -U: -M? -C? -D -S:~ -G:~ -l: -# --patch --no-patch --unified: --raw --patch-with-stat --minimal --patience "
    "--histogram --diff-algorithm: --stat? --compact-summary --numstat --shortstat --dirstat? --summary --name-only "
    "--name-status --color? --no-color --color-words?~ --word-diff? --word-diff-regex:~ --color-moved? --no-renames "
    "--check --full-index --binary --abbrev? --find-renames? --find-copies? --find-copies-harder --diff-filter: "
    "--pickaxe-all --pickaxe-regex --relative? --text --ignore-space-at-eol --ignore-space-change --ignore-all-space "
    "--ignore-blank-lines --ignore-cr-at-eol --inter-hunk-context: --function-context --exit-code --quiet "
    "--no-ext-diff --no-textconv --src-prefix: --dst-prefix: --no-prefix --no-relative --ignore-submodules? --indent-heuristic "
    "--stat-width: --stat-name-width: --stat-count: -z "
)
_GIT_REVS: Final = (
    "-n: -i -E -F -P -g -L: --max-count: --skip: --since:~ --after:~ --until:~ --before:~ --author:~ --committer:~ --grep:~ "
    "--all-match --invert-grep --regexp-ignore-case --extended-regexp --fixed-strings --perl-regexp --merges --no-merges "
    "--min-parents: --max-parents: --first-parent --not --all --branches? --tags? --remotes? --glob: --exclude: --reflog "
    "--cherry --cherry-pick --cherry-mark --left-only --right-only --left-right --walk-reflogs --merge --boundary --reverse "
    "--simplify-by-decoration --full-history --dense --sparse --ancestry-path? --date-order --topo-order --author-date-order "
    "--no-walk --count --objects --parents --children --timestamp --oneline --pretty?~ --format:~ --abbrev-commit "
    "--no-abbrev-commit --graph --no-graph --decorate? --no-decorate --decorate-refs: --date: --relative-date --source --follow --notes? "
    "--no-notes --full-diff --no-expand-tabs --encoding: --mailmap --use-mailmap --no-mailmap --root -cc --cc --diff-merges: "
)
_GIT_LIST: Final = (
    "--sort: --format:~ --color? --no-color --column? --no-column --ignore-case -i --omit-empty "
)
_GIT_FILTER: Final = "--contains?: --no-contains: --merged? --no-merged? --points-at: "

DEVELOPER_PROGRAMS: Final[Mapping[str, str]] = {
    # ------------------------------------------------------------- compiled things
    "nm": "-aABCDefglnopPrsSu -t: --demangle? --dynamic --extern-only --undefined-only --defined-only --numeric-sort --size-sort --print-size --reverse-sort --no-sort :: PATH...",
    "objdump": "-aCdDfghlpPrRsStTwxz -b: -j: -m: -M: --disassemble? --disassemble-all --section: --syms --dynamic-syms --headers --section-headers --all-headers --private-headers --file-headers --reloc --source --full-contents --no-show-raw-insn --demangle? :: PATH...",
    "readelf": "-aAcdehlnrsSTuVWgt -p: -x: --all --file-header --program-headers --section-headers --headers --syms --symbols --dyn-syms --dynamic --relocs --notes --wide --version-info --string-dump: --hex-dump: :: PATH...",
    "size": "-ABdot --format: --totals :: PATH...",
    "pkg-config": "--libs --cflags --modversion --exists --list-all --print-errors --variable: --atleast-version: --version --static --short-errors --print-variables --print-requires :: TEXT...",
    # ------------------------------------------------------------- packages
    "dpkg": "-lLsSpV --list --listfiles --status --search --print-architecture --version --get-selections :: TEXT...",
    "dpkg-query": "-lLsSWp -f:~ --list --listfiles --status --search --show --showformat:~ :: TEXT...",
    "apt list": "-a --installed --upgradable --all-versions :: TEXT...",
    "apt show": "-a --all-versions :: TEXT...",
    "apt policy": ":: TEXT...",
    "apt search": "-n --names-only :: TEXT...",
    "apt-cache show": ":: TEXT...",
    "apt-cache policy": ":: TEXT...",
    "apt-cache search": "-n --names-only :: TEXT...",
    "apt-cache depends": ":: TEXT...",
    "apt-cache rdepends": ":: TEXT...",
    "apt-mark showmanual": ":: ",
    **dict.fromkeys(
        ("rpm -q", "rpm -qa", "rpm -qi", "rpm -ql", "rpm -qf", "rpm -qc", "rpm -qR"), "--last :: NAME..."
    ),
    "brew list": "--versions --cask --formula -1 :: TEXT...",
    "npm ls": "-agl --all --global --depth: --json --long --parseable --omit: --include: --prod --dev --link :: TEXT...",
    "npm list": "-agl --all --global --depth: --json --long --parseable --omit: --include: --prod --dev --link :: TEXT...",
    "npm root": "-g --global :: ",
    "npm prefix": "-g --global :: ",
    "pip list": "-o -l --local --user --not-required --format: --editable -e --exclude:~ --disable-pip-version-check :: ",
    "pip show": "-fv --files --verbose --disable-pip-version-check :: TEXT...",
    "pip freeze": "-l --local --user --all --exclude-editable --exclude:~ --disable-pip-version-check :: ",
    "pip check": "--disable-pip-version-check :: ",
    "pip debug": ":: ",
    "conda list": "-ec -n: --export --json --name: :: TEXT?",
    "conda info": "-ae --all --envs --json :: ",
    "conda env list": "--json :: ",
    "gem list": "-ald --local --all --details :: TEXT...",
    "gem environment": ":: TEXT?",
    "cargo tree": "-aedi: -p: -f:~ --all-features --no-default-features --features: --depth: --duplicates --invert: --package: --edges: --prefix: --charset: --format:~ --workspace --offline --locked --frozen --target: --no-dedupe :: ",
    "cargo metadata": "-q --format-version: --no-deps --offline --locked --frozen --all-features --no-default-features :: ",
    "cargo pkgid": "--offline --locked --frozen :: TEXT?",
    "cargo --list": ":: ",
    "rustup show": ":: TEXT?",
    "rustup toolchain list": "-v --verbose :: ",
    "rustup target list": "--installed :: ",
    "rustup component list": "--installed :: ",
    "go list": "=m =json? =f:~ =deps =test =e =versions =find =u =tags: :: TEXT...",
    "go env": "=json :: TEXT...",
    "go doc": "=all =short =src =u =c =cmd :: TEXT...",
    "go version": "=m =v :: NAME...",
    "go mod graph": ":: ",
    "go mod why": "=m :: TEXT...",
    "go help": ":: TEXT...",
    # ------------------------------------------------------------- containers and services
    "docker ps": "-aqlsn: -f:~ --all --quiet --latest --size --last: --filter:~ --format:~ --no-trunc :: ",
    "docker images": "-aq -f:~ --all --quiet --filter:~ --format:~ --no-trunc --digests :: TEXT?",
    "docker logs": "-ftn: --follow --timestamps --tail: --since:~ --until:~ --details :: TEXT",
    "docker inspect": "-s -f:~ --format:~ --size --type: :: TEXT...",
    "docker version": "-f:~ --format:~ :: ",
    "docker info": "-f:~ --format:~ :: ",
    "docker top": ":: TEXT TEXT...",
    "docker stats": "-a --all --no-stream --no-trunc --format:~ :: TEXT...",
    "docker port": ":: TEXT TEXT?",
    "docker diff": ":: TEXT",
    "docker history": "-qH --no-trunc --quiet --human --format:~ :: TEXT",
    "docker volume ls": "-q -f:~ --quiet --filter:~ --format:~ :: ",
    "docker volume inspect": "-f:~ --format:~ :: TEXT...",
    "docker network ls": "-q -f:~ --quiet --filter:~ --format:~ --no-trunc :: ",
    "docker network inspect": "-fv:~ --format:~ :: TEXT...",
    "docker image ls": "-aq -f:~ --all --quiet --filter:~ --format:~ --no-trunc --digests :: TEXT?",
    "docker image inspect": "-f:~ --format:~ :: TEXT...",
    "docker image history": "-qH --no-trunc :: TEXT",
    "docker container ls": "-aqlsn: -f:~ --all --quiet --latest --size --last: --filter:~ --format:~ --no-trunc :: ",
    "docker container inspect": "-s -f:~ --format:~ --size :: TEXT...",
    "docker container logs": "-ftn: --follow --timestamps --tail: --since:~ --until:~ :: TEXT",
    "docker system df": "-v --verbose --format:~ :: ",
    "docker context ls": "-q --quiet --format:~ :: ",
    "docker compose ps": "-aq --all --quiet --services --format:~ --status: --no-trunc :: TEXT...",
    "docker compose ls": "-aq --all --quiet --format:~ :: ",
    "docker compose logs": "-ftn: --follow --timestamps --tail: --since:~ --until:~ --no-color --no-log-prefix :: TEXT...",
    "docker compose images": "-q --quiet --format:~ :: TEXT...",
    "docker compose top": ":: TEXT...",
    "docker compose version": "--short :: ",
    "kubectl get": "-Awo: -l:~ -n: -L: --all-namespaces --watch --output: --selector:~ --namespace: --context: --field-selector:~ --show-labels --no-headers --sort-by:~ --ignore-not-found :: TEXT...",
    "kubectl describe": "-A -l:~ -n: --all-namespaces --selector:~ --namespace: --context: --show-events? :: TEXT...",
    "kubectl logs": "-fp -c: -l:~ -n: --follow --previous --container: --selector:~ --namespace: --context: --since: --since-time: --tail: --timestamps --all-containers? --prefix --max-log-requests: :: TEXT...",
    "kubectl top": "-An: -l:~ --all-namespaces --namespace: --containers --selector:~ --context: --sort-by: :: TEXT...",
    "kubectl explain": "--recursive --api-version: :: TEXT",
    "kubectl version": "--client --short -o: --output: :: ",
    "kubectl cluster-info": "--context: :: ",
    "kubectl api-resources": "-o: --namespaced? --verbs: --api-group: --output: --no-headers :: ",
    "kubectl api-versions": ":: ",
    "kubectl config current-context": ":: ",
    "kubectl config get-contexts": "-o: --no-headers :: TEXT...",
    "kubectl config get-clusters": ":: ",
    "kubectl rollout status": "-n: --namespace: --timeout: --watch? :: TEXT TEXT?",
    "kubectl rollout history": "-n: --namespace: --revision: :: TEXT TEXT?",
    "helm list": "-aAn:q --all --all-namespaces --namespace: --filter:~ --output: -o: :: ",
    "helm ls": "-aAn:q --all --all-namespaces --namespace: --filter:~ --output: -o: :: ",
    "helm status": "-n: -o: --namespace: --output: :: TEXT",
    "helm history": "-n: -o: --namespace: --output: --max: :: TEXT",
    # ------------------------------------------------------------- GitHub
    "gh pr list": "-dL: -s: -a: -A: -l: -B: -H: -S:~ -R: --limit: --state: --assignee: --author: --label: --base: --head: --search:~ --json: --repo: --draft :: ",
    "gh pr view": "-c -R: --comments --json: --repo: :: TEXT?",
    "gh pr diff": "-R: --name-only --patch --color: --repo: :: TEXT?",
    "gh pr checks": "-R: --required --json: --repo: :: TEXT?",
    "gh pr status": "-cR: --json: --repo: :: ",
    "gh issue list": "-L: -s: -a: -A: -l: -m: -S:~ -R: --limit: --state: --assignee: --author: --label: --milestone: --search:~ --json: --repo: :: ",
    "gh issue view": "-c -R: --comments --json: --repo: :: TEXT",
    "gh issue status": "-R: --json: --repo: :: ",
    "gh run list": "-L: -b: -s: -u: -w: -e: -R: --limit: --branch: --status: --user: --workflow: --event: --json: --repo: :: ",
    "gh run view": "-vj: -R: --log --log-failed --verbose --job: --json: --exit-status --repo: :: TEXT?",
    "gh workflow list": "-aL: -R: --all --limit: --repo: :: ",
    "gh workflow view": "-yr: -R: --yaml --ref: --repo: :: TEXT?",
    "gh release list": "-L: -R: --limit: --exclude-drafts --json: --repo: :: ",
    "gh release view": "-q:~ -R: --json: --repo: :: TEXT?",
    "gh repo view": "-b: --branch: --json: :: TEXT?",
    "gh repo list": "-L: -l: --limit: --language: --json: :: TEXT?",
    "gh label list": "-L: -R: --limit: --json: --repo: :: ",
    "gh auth status": "-h: --hostname: :: ",
    # ------------------------------------------------------------- git
    "git status": "-sbuvz -u? --short --branch --show-stash --porcelain? --long --verbose --untracked-files? --ignored? --ignore-submodules? --no-renames --renames --ahead-behind --no-ahead-behind --column? :: REV...",
    "git diff": _GIT_DIFF
    + "-0123 --cached --staged --merge-base --no-index --base --ours --theirs :: REV...",
    "git log": _GIT_DIFF + _GIT_REVS + ":: REV...",
    "git show": _GIT_DIFF + _GIT_REVS + ":: REV...",
    "git whatchanged": _GIT_DIFF + _GIT_REVS + ":: REV...",
    "git diff-tree": _GIT_DIFF + "--no-commit-id --root --pretty?~ --format:~ -v :: REV...",
    "git diff-index": _GIT_DIFF + "--cached :: REV...",
    "git diff-files": _GIT_DIFF + ":: REV...",
    "git shortlog": "-nsecw? --numbered --summary --email --committer --group: --since:~ --until:~ --no-merges --all --format:~ :: REV...",
    "git blame": "-bcefklnpstwCM -C? -M? -L: -S: --root --show-stats --porcelain --line-porcelain --incremental --show-name --show-number --show-email --date: --since:~ --reverse --first-parent --abbrev: --ignore-rev: --color-lines :: REV...",
    "git annotate": "-L: -w --date: :: REV...",
    "git grep": "-acEFGPHhIilLnoprqvwWz0 -A: -B: -C: -e:! -m: -# --cached --untracked --no-index --exclude-standard --no-exclude-standard --count --extended-regexp --fixed-strings --perl-regexp --ignore-case --line-number --column --files-with-matches --name-only --files-without-match --only-matching --quiet --word-regexp --invert-match --heading --break --show-function --function-context --after-context: --before-context: --context: --max-depth: --max-count: --all-match --and --or --not --color? --no-color --text --full-name --null --threads: :: TEXT? REV...",
    "git branch": "-avvr --all --remotes --verbose --show-current --list -l --abbrev: --no-abbrev "
    + _GIT_LIST
    + _GIT_FILTER
    + ":: TEXT...",
    "git tag": "-ln? -l --list " + _GIT_LIST + _GIT_FILTER + ":: TEXT...",
    "git remote": "-v --verbose :: ",
    "git remote get-url": "--push --all :: TEXT",
    "git stash list": _GIT_DIFF + _GIT_REVS + ":: ",
    "git stash show": _GIT_DIFF + "--include-untracked --only-untracked :: TEXT?",
    "git worktree list": "-vz --porcelain --verbose :: ",
    "git reflog": "-# " + _GIT_REVS + ":: ",
    "git reflog show": _GIT_DIFF + _GIT_REVS + ":: REV...",
    "git rev-parse": "-q --show-toplevel --show-prefix --show-cdup --git-dir --absolute-git-dir --git-common-dir --is-inside-work-tree --is-inside-git-dir --is-bare-repository --is-shallow-repository --abbrev-ref? --short? --verify --quiet --symbolic --symbolic-full-name --all --branches? --tags? --remotes? --git-path: --show-object-format? --default: --revs-only --no-revs --flags --no-flags --sq --not --path-format: --show-superproject-working-tree --local-env-vars --end-of-options :: REV...",
    "git rev-list": _GIT_REVS
    + "--objects-edge --disk-usage? --use-bitmap-index --header --no-object-names --cherry --max-age: --min-age: :: REV...",
    "git ls-files": "-cdikmostuvz -x: -X: --cached --deleted --modified --others --ignored --stage --unmerged --killed --directory --no-empty-directory --exclude: --exclude-from: --exclude-standard --error-unmatch --full-name --abbrev? --eol --debug --deduplicate --format:~ --with-tree: :: REV...",
    "git ls-tree": "-drtlz --long --name-only --name-status --object-only --full-name --full-tree --abbrev? --format:~ :: REV...",
    "git cat-file": "-petsz --batch-check? --follow-symlinks --allow-unknown-type :: REV REV?",
    "git show-ref": "-dhqs --head --heads --branches --tags --dereference --hash? --verify --abbrev? --quiet --exists :: REV...",
    "git show-branch": "-ar --all --remotes --current --list --topo-order --date-order --sha1-name --no-name --more: :: REV...",
    "git for-each-ref": "--count: " + _GIT_LIST + _GIT_FILTER + ":: REV...",
    "git merge-base": "-a --all --octopus --independent --is-ancestor --fork-point :: REV...",
    "git name-rev": "--tags --refs: --exclude: --all --name-only --no-undefined --always :: REV...",
    "git describe": "--all --tags --contains --abbrev: --candidates: --exact-match --debug --long --match: --exclude: --always --first-parent :: REV...",
    "git count-objects": "-vH --verbose --human-readable :: ",
    "git symbolic-ref": "-q --quiet --short --no-recurse :: REV",
    "git check-ignore": "-nqvz --quiet --verbose --non-matching --no-index :: NAME...",
    "git check-attr": "-az --all --cached :: TEXT NAME...",
    "git check-mailmap": ":: TEXT...",
    "git cherry": "-v --verbose --abbrev? :: REV...",
    "git range-diff": "-s --no-color --color? --no-dual-color --creation-factor: --stat? --no-patch :: REV...",
    "git notes list": ":: REV?",
    "git notes show": ":: REV?",
    "git config --get": ":: TEXT",
    "git config get": ":: TEXT",
    "git config user.name": ":: ",
    "git config user.email": ":: ",
    "git version": "--build-options :: ",
    "git bisect log": ":: ",
    "git var": ":: TEXT",
}
