"""The repository's address stands in one hand-written place."""

import subprocess

from publishing.settings import ROOT, load_settings

GENERATED = {".ipynb"}


def test_the_address_stands_in_the_configuration_alone():
    settings = load_settings()
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    holders = {
        name
        for name in files
        if (path := ROOT / name).is_file()
        and path.suffix not in GENERATED
        and settings.repository.split("//")[1].encode() in path.read_bytes()
    }
    assert holders == {"_config.yml"}


def test_pages_have_addresses():
    settings = load_settings()
    assert settings.page("03-softmax", "#masks") == f"{settings.site}/03-softmax.html#masks"
    assert not settings.site.endswith("/")
