"""Which files usually hold secrets: reading one is asked about, searching skips them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

__all__ = ["SECRET_FOLDERS", "SECRET_NAMES", "looks_secret"]

SECRET_NAMES: Final = (
    ".env",
    ".env.*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.kdbx",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".pypirc",
    ".git-credentials",
    ".htpasswd",
    ".vault-token",
    ".npmrc",
    ".dockercfg",
    ".my.cnf",
    ".mylogin.cnf",
    ".s3cfg",
    ".boto",
    ".xauthority",
    ".*_history",
    "*.ppk",
    "*.keystore",
    "*.keytab",
    "*.ovpn",
    "*.tfstate",
    "*.tfvars",
    "credentials",
    "credentials.json",
    "credentials.toml",
    "secrets.json",
    "secrets.yaml",
    "secrets.yml",
    "secrets.toml",
    "shadow",
    "shadow-",
    "gshadow",
    "sudoers",
    "ssh_host_*_key",
)
_HARMLESS: Final = (".env.example", ".env.sample", ".env.template", ".env.dist", ".env.defaults")
SECRET_FOLDERS: Final = (".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store", "gcloud")


def looks_secret(path: Path) -> bool:
    """Does `path` have the name of a key, a credential file or a folder of such? Upper case does not hide it."""
    parts = [part.lower() for part in path.parts]
    if any(part in SECRET_FOLDERS for part in parts):
        return True
    name = parts[-1] if parts else ""
    return name not in _HARMLESS and any(fnmatchcase(name, pattern) for pattern in SECRET_NAMES)
