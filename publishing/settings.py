"""The book's settings, read from ``_config.yml``."""

from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """What the tools need to know about the book."""

    title: str
    repository: str
    branch: str
    site: str

    @property
    def requirement(self) -> str:
        """What pip installs attnlib from."""
        return f"git+{self.repository}@{self.branch}"

    def page(self, name: str, anchor: str = "") -> str:
        """Return the address of a page of the site."""
        return f"{self.site}/{name}.html{anchor}"


def load_settings(path: Path = ROOT / "_config.yml") -> Settings:
    """Read the settings."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Settings(
        title=config["title"],
        repository=config["repository"]["url"],
        branch=config["repository"]["branch"],
        site=config["html"]["baseurl"].rstrip("/"),
    )
