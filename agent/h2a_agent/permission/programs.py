"""The programs that only look, and what each may be given (see `synopsis.py` for the notation).

Left out on purpose are options that write a file, run a program, ask the network or wait for a person, and whole
programs that run what they find in the working directory, even for `--version`: yarn and pnpm (a path in their
settings), mvn, poetry, pytest, `python -m` and the like. `OBEYS` names files that make an otherwise harmless
program run something of the repository's; where one of them is around, the program is asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ALIASES", "COUNTING", "OBEYS", "PROGRAMS", "VERSION_FLAGS"]

_GREP: Final = (
    "-EFGPabcHhiILlnoqRrsTvwxyzUZ -A: -B: -C: -m: -d: -D: -e:! -f:!! -# --extended-regexp --fixed-strings --basic-regexp "
    "--perl-regexp --ignore-case --no-ignore-case --invert-match --word-regexp --line-regexp --count --color? --colour? "
    "--files-without-match --files-with-matches --max-count: --only-matching --quiet --silent --no-messages "
    "--byte-offset --with-filename --no-filename --label: --line-number --initial-tab --null --after-context: "
    "--before-context: --context: --text --binary-files: --exclude: --exclude-from: --exclude-dir: --include: "
    "--recursive --dereference-recursive --null-data --line-buffered --regexp:! --file:!! --help --version :: TEXT PATH..."
)
_SUM: Final = "-bctwz --binary --check --tag --text --zero --ignore-missing --quiet --status --strict --warn --length: -l: -a: --algorithm: :: PATH..."
_DIFF: Final = (
    "-qsibBwEZadtTyrNupce -u? -U: -c? -C: -I:~ -x: -X: -S: -W: -L:~ -F:~ -# --brief --report-identical-files --ignore-case "
    "--ignore-space-change --ignore-all-space --ignore-blank-lines --ignore-trailing-space --ignore-matching-lines:~ "
    "--text --side-by-side --width: --left-column --suppress-common-lines --recursive --new-file --unified? --context? "
    "--color? --exclude: --exclude-from: --label:~ --strip-trailing-cr --minimal --speed-large-files --no-dereference "
    "--show-c-function --normal --help --version :: PATH PATH"
)

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
_GIT_LIST: Final = "--sort: --format:~ --color? --no-color --column? --no-column --ignore-case -i --omit-empty "
_GIT_FILTER: Final = "--contains?: --no-contains: --merged? --no-merged? --points-at: "

PROGRAMS: Final[Mapping[str, str]] = {
    # ------------------------------------------------------------- files: what there is
    "ls": "* :: NAME...",
    "dir": "* :: NAME...",
    "vdir": "* :: NAME...",
    "eza": "* :: NAME...",
    "exa": "* :: NAME...",
    "tree": "-adfilxpsuhgDFqNQrtUvcnACSJX -L: -P: -I: --noreport --charset: --filelimit: --timefmt:~ --dirsfirst --sort? --prune --du --si --matchdirs --ignore-case --inodes --device --gitignore --filesfirst --metafirst --version --help :: NAME...",
    "stat": "* :: NAME...",
    "file": "-bhikLNnrv0 -e: -F:~ -P: --brief --mime --mime-type --mime-encoding --extension --dereference --no-dereference --keep-going --separator:~ --print0 --raw --help --version :: NAME...",
    "du": "* :: NAME...",
    "df": "* :: NAME...",
    "realpath": "* :: NAME...",
    "readlink": "* :: NAME...",
    "basename": "-azs:~ --multiple --suffix:~ --zero :: TEXT...",
    "dirname": "-z --zero :: TEXT...",
    "pathchk": "-pP --portability :: TEXT...",
    "namei": "-xmolv --modes --owners --long --vertical --nosymlinks :: NAME...",
    "fd": "-HIuaLpsig01lFq -d: -t: -e: -E: -S: -o: -c: -j: --hidden --no-ignore --no-ignore-vcs --unrestricted --absolute-path --follow --full-path --case-sensitive --ignore-case --glob --regex --fixed-strings --max-depth: --min-depth: --exact-depth: --type: --extension: --exclude: --size: --changed-within:~ --changed-before:~ --owner: --color: --threads: --max-results: --print0 --quiet --prune --strip-cwd-prefix --one-file-system --base-directory: --and:~ --version --help :: TEXT? NAME...",
    "locate": "-icbewlSr0 -l: -n: -# --ignore-case --count --basename --existing --limit: --regex :: TEXT...",
    "lsattr": "-RVadlpv :: NAME...",
    "getfacl": "-acdeEsRLPtpn :: NAME...",
    # ------------------------------------------------------------- files: what is in them
    "cat": "* :: PATH...",
    "tac": "* :: PATH...",
    "head": "* :: PATH...",
    "tail": "* :: PATH...",
    "nl": "* :: PATH...",
    "wc": "-clmLw --bytes --chars --lines --words --max-line-length --total: --help --version :: NAME...",
    "cmp": "-bls -i: -n: --print-bytes --ignore-initial: --verbose --bytes: --quiet --silent :: PATH PATH? TEXT? TEXT?",
    "diff": _DIFF,
    "colordiff": _DIFF,
    "diff3": "-AeE3xXimaT --merge --text --show-all --strip-trailing-cr :: PATH PATH PATH",
    "comm": "-123z --check-order --nocheck-order --output-delimiter:~ --total --zero-terminated :: PATH PATH",
    "sort": "-bdfghiMnRrVcCmsuz -k: -t:~ -S: --ignore-leading-blanks --dictionary-order --ignore-case --general-numeric-sort --human-numeric-sort --ignore-nonprinting --month-sort --numeric-sort --random-sort --reverse --sort: --version-sort --check? --merge --key: --field-separator:~ --stable --unique --zero-terminated --parallel: --buffer-size: --batch-size: --debug --help --version :: PATH...",
    "uniq": "-cdDiuz -f: -s: -w: --count --repeated --all-repeated? --skip-fields: --group? --ignore-case --skip-chars: --unique --zero-terminated --check-chars: --help --version :: PATH?",
    "cut": "-b: -c: -d:~ -f: -nsz --bytes: --characters: --delimiter:~ --fields: --complement --only-delimited --output-delimiter:~ --zero-terminated --help --version :: PATH...",
    "tr": "-cCdst --complement --delete --squeeze-repeats --truncate-set1 --help --version :: TEXT TEXT?",
    "paste": "-sz -d:~ --delimiters:~ --serial --zero-terminated :: PATH...",
    "join": "-a: -e:~ -i -1: -2: -j: -o: -t:~ -v: -z --ignore-case --check-order --nocheck-order --header --zero-terminated :: PATH PATH",
    "column": "-txeJLnc: -s:~ -o:~ -N: -R: -H: -W: -T: -E: -r: -i: -p: -l: --table --separator:~ --output-separator:~ --table-columns: --table-right: --table-hide: --json --fillrows --output-width: --table-name: --help --version :: PATH...",
    "fold": "-bs -w: -# --bytes --spaces --width: :: PATH...",
    "fmt": "-cstu -p:~ -w: -g: -# --crown-margin --prefix:~ --split-only --tagged-paragraph --uniform-spacing --width: --goal: :: PATH...",
    "pr": "-acdfFJmrtTv -D:~ -e? -h:~ -i? -l: -n? -N: -o: -s? -S? -w: -W: -# :: PATH...",
    "expand": "-i -t: -# --initial --tabs: :: PATH...",
    "unexpand": "-a -t: --all --first-only --tabs: :: PATH...",
    "rev": "* :: PATH...",
    "shuf": "-erz -i: -n: --echo --input-range: --head-count: --repeat --zero-terminated :: PATH?",
    "tsort": ":: PATH?",
    "numfmt": "-d:~ -z --from: --to: --from-unit: --to-unit: --suffix:~ --padding: --field: --format:~ --header? --grouping --round: --invalid: --delimiter:~ :: TEXT...",
    "od": "-abcdfiloxsv -A: -j: -N: -S? -t: -w? --address-radix: --skip-bytes: --read-bytes: --strings? --format: --output-duplicates --width? --endian: :: PATH...",
    "xxd": "-abCeEipu -c: -g: -l: -n:~ -o: -s: -# =ps =len: =cols: :: PATH?",
    "hexdump": "-bcCdovx -n: -s: -e:~ --canonical --length: --skip: --no-squeezing :: PATH...",
    "hd": "-v -n: -s: :: PATH...",
    "strings": "-afow -n: -t: -e: -s:~ -# --all --bytes: --radix: --encoding: --print-file-name :: PATH...",
    "base64": "-di -w: --decode --ignore-garbage --wrap: :: PATH?",
    "base32": "-di -w: --decode --ignore-garbage --wrap: :: PATH?",
    "iconv": "-lcs -f: -t: --from-code: --to-code: --list :: PATH...",
    "md5sum": _SUM,
    "sha1sum": _SUM,
    "sha224sum": _SUM,
    "sha256sum": _SUM,
    "sha384sum": _SUM,
    "sha512sum": _SUM,
    "b2sum": _SUM,
    "cksum": _SUM,
    "sum": "-rs --sysv :: PATH...",
    "shasum": "-a: -bctpUsw --algorithm: --check --binary --text :: PATH...",
    "md5": "-qrs:~ :: PATH...",
    "zcat": ":: PATH...",
    "bzcat": ":: PATH...",
    "xzcat": ":: PATH...",
    "zstdcat": ":: PATH...",
    **dict.fromkeys(("unzip -l", "unzip -v", "unzip -t", "unzip -z", "unzip -Z", "unzip -Z1"), "-q :: PATH TEXT..."),
    "zipinfo": "-12smlhtvTzC :: PATH TEXT...",
    # ------------------------------------------------------------- searching
    "grep": _GREP,
    "egrep": _GREP,
    "fgrep": _GREP,
    "rg": "-acFiHILlnNoPpqsSUuvwx0. -A: -B: -C: -d: -E: -e:! -f:!! -g:~ -j: -M: -m: -r:~ -t: -T: -# --after-context: --before-context: --context: --context-separator:~ --color: --colors: --column --no-column --count --count-matches --crlf --debug --encoding: --file:!! --files! --files-with-matches --files-without-match --fixed-strings --follow --glob:~ --iglob:~ --glob-case-insensitive --heading --no-heading --hidden --ignore-case --ignore-file: --invert-match --json --line-number --no-line-number --line-regexp --max-columns: --max-columns-preview --max-count: --max-depth: --max-filesize: --multiline --multiline-dotall --no-config --no-filename --no-ignore --no-ignore-vcs --no-ignore-parent --no-messages --null --null-data --one-file-system --only-matching --passthru --path-separator:~ --pcre2 --pretty --quiet --regexp:! --replace:~ --smart-case --case-sensitive --sort: --sortr: --stats --text --threads: --trim --type: --type-not: --type-list --type-add:~ --unrestricted --vimgrep --with-filename --word-regexp --help --version :: TEXT? PATH...",
    "bat": "-npPA -r: -l: -m: --plain --number --paging: --style: --color: --language: --line-range: --theme: --show-all --decorations: --wrap: --tabs: :: PATH...",
    "ag": "-acCilLnoQrsSuUvwz -A: -B: -G:~ -m: -p: --ignore:~ --ignore-dir: --hidden --nocolor --nogroup --noheading --count --literal --files-with-matches --depth: :: TEXT PATH...",
    # ------------------------------------------------------------- data
    "jq": "-arcCMSsnRej --arg::~ --argjson::~ --tab --indent: --slurp --null-input --raw-input --raw-output --raw-output0 --join-output --compact-output --color-output --monochrome-output --ascii-output --sort-keys --exit-status --stream --seq --slurpfile:: --rawfile:: --help --version :: SCRIPT? PATH...",
    "yq": "-rcPyYejCMN -o: -p: -I: --output-format: --input-format: --prettyPrint --colors --no-colors --no-doc --raw-output --version -V :: SCRIPT? PATH...",
    "yq e": "-rPeCMN -o: -p: -I: --output-format: --input-format: --prettyPrint --no-colors --no-doc :: SCRIPT PATH...",
    "yq eval": "-rPeCMN -o: -p: -I: --output-format: --input-format: --prettyPrint --no-colors --no-doc :: SCRIPT PATH...",
    "awk": "-F:~ -v:~ --field-separator:~ --assign:~ --version :: SCRIPT PATH...",
    "sed": "-nErsuz -l: -e:! --expression:! --quiet --silent --regexp-extended --separate --null-data --unbuffered --posix --sandbox --version --help :: SCRIPT PATH...",
    # ------------------------------------------------------------- words and numbers
    "echo": "* :: TEXT...",
    "printf": ":: TEXT...",
    "seq": "-w -s:~ -f:~ -# --equal-width --separator:~ --format:~ :: TEXT...",
    "expr": ":: TEXT...",
    "factor": ":: TEXT...",
    "bc": "-lqs --mathlib --quiet :: ",
    "true": ":: TEXT...",
    "false": ":: TEXT...",
    ":": ":: TEXT...",
    # ------------------------------------------------------------- this machine
    "pwd": "-LP --logical --physical :: ",
    "whoami": "--version :: ",
    "id": "-aGgnruzZ --group --groups --name --real --user :: TEXT?",
    "groups": ":: TEXT?",
    "logname": ":: ",
    "uname": "* :: ",
    "arch": ":: ",
    "nproc": "--all --ignore: :: ",
    "hostname": "-fiIsdAay --fqdn --long --ip-address --all-ip-addresses --short --domain :: ",
    "uptime": "-psV --pretty --since :: ",
    "who": "-abdHlmpqrstTuw --all --boot --heading --count :: ",
    "w": "-hsfiuo :: TEXT?",
    "users": ":: ",
    "last": "-adFiwx -n: -# :: TEXT...",
    "tty": "-s :: ",
    "locale": "-akm :: TEXT...",
    "getconf": "-a :: TEXT? TEXT?",
    "cal": "-13jmsyw :: TEXT...",
    "free": "-bkmghltwvs: -c: --bytes --kilo --mega --giga --human --lohi --total --wide --si :: ",
    "vmstat": "-adDfmnstwSp: --active --stats --disk --wide :: TEXT? TEXT?",
    "iostat": "-cdhkmNstxyz -p? :: TEXT...",
    "lscpu": "-abcJpxye --all --json --online --offline --extended? --parse? :: ",
    "lsblk": "-abdDfiJlmnOpPrstSTxz -o: -e: -I: -M --all --bytes --fs --json --list --output: --noheadings --paths --tree? :: NAME...",
    "lsusb": "-tv :: ",
    "lspci": "-vknmtD -s: -d: -qq :: ",
    "lsmod": ":: ",
    "lsns": "-Jlnpru -t: -o: :: TEXT?",
    "findmnt": "-AaDJlnruP -t: -o: -T: --df --json --list --target: --output: --noheadings :: NAME?",
    "mount": "-l -t: :: ",
    "dmesg": "-dkLPrtTxuew -l: -f: --ctime --level: --facility: --kernel --userspace --color? --nopager --notime --decode --reltime :: ",
    "top": "-bcHiS1 -n: -d: -o: -p: -u: -U: -w: :: ",
    "pgrep": "-acdfilLnovwxd: -u: -U: -g: -G: -P: -s: -t: --full --list-name --list-full --newest --oldest --exact --count --ignore-case --parent: --euid: :: TEXT...",
    "pidof": "-csx -o: :: TEXT...",
    "pstree": "-acCghlnpstTuUAZ -H: :: TEXT?",
    "lsof": "-abChlnNoOPRtUvVwXx -c: -d: -g: -i? -p: -s? -u: :: NAME...",
    "netstat": "-acdegiIlMnNoprstuvwWx46 --tcp --udp --listening --numeric --programs --route --interfaces --statistics :: ",
    "ss": "-aeEHilmnoOpPrsStTuVwxXzZ046 --tcp --udp --listening --numeric --processes --all --summary --options --info --extended --unix :: ",
    "ifconfig": "-as :: TEXT?",
    "which": "-as --all :: TEXT...",
    "whereis": "-bmsul :: TEXT...",
    "type": "-aftpP :: TEXT...",
    "ulimit": "-a :: ",
    "umask": "-S :: ",
    "help": "-dms :: TEXT...",
    "systemctl status": "-aln -n: -o: --no-pager --full --lines: --output: --user --system --all :: TEXT...",
    "systemctl show": "-a -p: -P: --property: --value --no-pager --user --system :: TEXT...",
    "systemctl cat": "--no-pager --user --system :: TEXT...",
    "systemctl is-active": "-q --quiet --user --system :: TEXT...",
    "systemctl is-enabled": "-q --quiet --user --system --full :: TEXT...",
    "systemctl is-failed": "-q --quiet --user --system :: TEXT...",
    "systemctl list-units": "-al -t: --type: --state: --all --failed --no-pager --no-legend --plain --full --user --system :: TEXT...",
    "systemctl list-unit-files": "-al -t: --type: --state: --all --no-pager --no-legend --user --system :: TEXT...",
    "systemctl list-timers": "-a --all --no-pager --no-legend --user --system :: TEXT...",
    "systemctl list-dependencies": "-al --all --reverse --no-pager --plain --user --system :: TEXT...",
    "systemctl --failed": "--no-pager --user --system :: ",
    "journalctl": "-aefkmqrx -u: -n: -p: -o: -b? -t: -g:~ -S:~ -U:~ -# --unit: --lines: --priority: --output: --boot? --since:~ --until:~ --identifier: --grep:~ --no-pager --dmesg --reverse --follow --utc --quiet --catalog --user --system --user-unit: --list-boots --disk-usage --no-hostname --no-full --no-tail --all :: ",
    "timedatectl": "--no-pager :: ",
    "timedatectl status": "--no-pager :: ",
    "hostnamectl status": "--no-pager :: ",
    "ip": "-46brodshj -c? =br =brief =json =color? :: TEXT...",
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
    **dict.fromkeys(("rpm -q", "rpm -qa", "rpm -qi", "rpm -ql", "rpm -qf", "rpm -qc", "rpm -qR"), "--last :: NAME..."),
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
    "git diff": _GIT_DIFF + "-0123 --cached --staged --merge-base --no-index --base --ours --theirs :: REV...",
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
    "git branch": "-avvr --all --remotes --verbose --show-current --list -l --abbrev: --no-abbrev " + _GIT_LIST + _GIT_FILTER + ":: TEXT...",
    "git tag": "-ln? -l --list " + _GIT_LIST + _GIT_FILTER + ":: TEXT...",
    "git remote": "-v --verbose :: ",
    "git remote get-url": "--push --all :: TEXT",
    "git stash list": _GIT_DIFF + _GIT_REVS + ":: ",
    "git stash show": _GIT_DIFF + "--include-untracked --only-untracked :: TEXT?",
    "git worktree list": "-vz --porcelain --verbose :: ",
    "git reflog": "-# " + _GIT_REVS + ":: ",
    "git reflog show": _GIT_DIFF + _GIT_REVS + ":: REV...",
    "git rev-parse": "-q --show-toplevel --show-prefix --show-cdup --git-dir --absolute-git-dir --git-common-dir --is-inside-work-tree --is-inside-git-dir --is-bare-repository --is-shallow-repository --abbrev-ref? --short? --verify --quiet --symbolic --symbolic-full-name --all --branches? --tags? --remotes? --git-path: --show-object-format? --default: --revs-only --no-revs --flags --no-flags --sq --not --path-format: --show-superproject-working-tree --local-env-vars --end-of-options :: REV...",
    "git rev-list": _GIT_REVS + "--objects-edge --disk-usage? --use-bitmap-index --header --no-object-names --cherry --max-age: --min-age: :: REV...",
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

# One of these, alone, prints the version and ends.
VERSION_FLAGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "aws az bash brew bun cmake composer conda convert crystal dart dart-sass docker-compose elixir emacs find fish flatc gawk gcloud "
            "gdb gfortran gh ghc gem gmake helm hugo isort jq julia kotlinc ld lldb luajit magick make meson mongosh nano nim ninja "
            "nvcc nvim ocaml pandoc perf pipx podman protoc redis-cli redis-server rg fd rustfmt rustup scala screen sed sqlite3 strace swift "
            "systemctl tar tree-sitter tsc valgrind vim xargs yq zip zsh R apt apt-get awk sudo git docker"
        ).split(),
        "--version",
    ),
    **dict.fromkeys(
        (
            "python python2 python3 python3.8 python3.9 python3.10 python3.11 python3.12 python3.13 python3.14 pypy3 pip pip3 uv ruff "
            "black deno curl wget rsync gzip xz psql mysql"
        ).split(),
        "--version -V",
    ),
    **dict.fromkeys(("node", "npm", "ruby", "perl", "php", "gcc", "g++", "cc", "clang", "clang++"), "--version -v"),
    **dict.fromkeys(("rustc", "cargo"), "--version -V -vV"),
    **dict.fromkeys(("java", "javac"), "-version --version"),
    **dict.fromkeys(("terraform", "tofu", "openssl"), "version --version"),
    "dotnet": "--version --info --list-sdks --list-runtimes",
    "ffmpeg": "-version",
    "go": "version",
    "lua": "-v",
    "nginx": "-v -V",
    "ssh": "-V",
    "tmux": "-V",
    "zig": "version",
}

# Other names of the same program.
ALIASES: Final[Mapping[str, str]] = {"pip3": "pip", "podman": "docker", "batcat": "bat", "fdfind": "fd", "gsed": "sed", "gawk": "awk", "mawk": "awk", "nawk": "awk", "ggrep": "grep", "gls": "ls"}

# Programs that only count or name: `xargs` may give them whatever it reads.
COUNTING: Final = frozenset({"wc", "ls", "stat", "du", "file", "basename", "dirname", "echo", "realpath", "readlink"})

# Files that make the program obey the repository, here or in a folder above.
OBEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "cargo": ("rust-toolchain", "rust-toolchain.toml", ".cargo"),
    "rustc": ("rust-toolchain", "rust-toolchain.toml"),
    "rustfmt": ("rust-toolchain", "rust-toolchain.toml"),
    "rustup": ("rust-toolchain", "rust-toolchain.toml"),
    "dotnet": ("global.json",),
    "npm": (".npmrc",),
}
