"""`python -m sandbox.mysql.packages update | unpack PARENT`: which packages make the server. `unpack` prints the folder in PARENT
where they are.

pin.json names each file with its hash. `update` writes it again from what the suite has today; a pinned file that the mirror has no
more makes that necessary. The mirror is the one that apt uses on this machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

SERVER = "mysql-server-core"
SUITE = "sid"
ARCHITECTURE = "amd64"
PIN = Path(__file__).with_name("pin.json")
SECONDS = 60
#: Perl and debconf are for scripts that nobody runs here; mysql-common is configuration.
LEFT_OUT = {"perl", "debconf", "mysql-common"}


class PackagesError(RuntimeError):
    """The server cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    #: Below the mirror's address.
    file: str
    sha256: str


def pinned() -> list[Package]:
    return [Package(**package) for package in json.loads(PIN.read_text())["packages"]]


def unpack(parent: Path) -> Path:
    """The pinned packages, in a folder of `parent` that is named by the pin. It is whole or not there."""
    folder = parent / hashlib.sha256(PIN.read_bytes()).hexdigest()[:16]
    if folder.exists():
        return folder
    if shutil.which("dpkg-deb") is None:
        raise PackagesError("dpkg-deb is missing, which unpacks Debian's packages; install the package dpkg")
    mirrors = _mirrors()
    making = folder.with_name(folder.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        for package in pinned():
            file = Path(temporary) / Path(package.file).name
            file.write_bytes(_file(mirrors, package))
            subprocess.run(["dpkg-deb", "-x", file, making], check=True)
            file.unlink()
    making.rename(folder)
    return folder


def update() -> None:
    """Writes pin.json from what the suite has."""
    index = _fetch(_mirrors(), f"dists/{SUITE}/main/binary-{ARCHITECTURE}/Packages.xz")
    packages = closure(list(paragraphs(lzma.decompress(index).decode())))
    document = {"suite": SUITE, "packages": [asdict(package) for package in packages]}
    PIN.write_text(json.dumps(document, indent=1) + "\n")


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """The packages of an index: field -> value of one line."""
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and not line.startswith(" "))
        if fields:
            yield fields


def closure(index: list[dict[str, str]]) -> list[Package]:
    """The server and all that it depends on, by name. Of alternatives, the first."""
    by_name = {fields["Package"]: fields for fields in index}
    for fields in index:
        for name in _names(fields.get("Provides", "")):
            by_name.setdefault(name, fields)
    found: dict[str, Package] = {}
    wanted = [SERVER]
    while wanted:
        name = wanted.pop()
        if name in LEFT_OUT:
            continue
        if name not in by_name:
            raise PackagesError(f"{SUITE} has no package {name}")
        fields = by_name[name]
        if fields["Package"] in found:
            continue
        package = Package(fields["Package"], fields["Version"], fields["Filename"], fields["SHA256"])
        found[package.name] = package
        wanted += _names(fields.get("Depends", "")) + _names(fields.get("Pre-Depends", ""))
    return [found[name] for name in sorted(found)]


def _names(relation: str) -> list[str]:
    """`a (>= 1) | b, c:any` -> a, c"""
    return [re.split(r"[ (:|]", part.strip())[0] for part in relation.split(",") if part.strip()]


def _mirrors() -> list[str]:
    if shutil.which("apt-get") is None:
        raise PackagesError("apt-get is missing, which knows Debian's mirror; a real MySQL is only to be had on Debian and its kin")
    asked = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    sites = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
    if not sites:
        raise PackagesError("apt has no source of packages; add Debian's to /etc/apt/sources.list")
    return list(dict.fromkeys(sites))


def _file(mirrors: list[str], package: Package) -> bytes:
    content = _fetch(mirrors, package.file)
    if hashlib.sha256(content).hexdigest() != package.sha256:
        raise PackagesError(f"{package.file} is not the pinned file; run: cargo xtask mysql update")
    return content


def _fetch(mirrors: list[str], path: str) -> bytes:
    reasons = []
    for mirror in mirrors:
        try:
            with urllib.request.urlopen(f"{mirror}/{path}", timeout=SECONDS) as answer:
                return answer.read()
        except (urllib.error.URLError, OSError) as error:
            reasons.append(f"{mirror}: {error}")
    raise PackagesError(
        f"no mirror of apt has {path} ({'; '.join(reasons)}). If they are reachable, the suite has moved on: "
        "run cargo xtask mysql update"
    )


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.mysql.packages", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("update")
    what.add_parser("unpack").add_argument("folder", type=Path)
    given = parser.parse_args(argv)
    try:
        if given.what == "update":
            update()
        else:
            print(unpack(given.folder))
    except (PackagesError, subprocess.CalledProcessError) as error:
        print(f"MySQL: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
