"""Which packages make a MySQL server."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sandbox.mysql import packages

_INDEX = """Package: mysql-server-core
Version: 9.7.4-2
Depends: libc6 (>= 2.38), libssl3t64 (>= 3.0.0) | libressl, perl:any, virtual-one
Description: the server
 a long text: with a colon
Filename: pool/m/mysql-server-core.deb
SHA256: aa

Package: libc6
Version: 2.43-7
Pre-Depends: libgcc-s1
Filename: pool/g/libc6.deb
SHA256: bb

Package: libgcc-s1
Version: 16
Depends: libc6
Filename: pool/g/libgcc.deb
SHA256: cc

Package: libssl3t64
Version: 3.6
Filename: pool/o/libssl.deb
SHA256: dd

Package: real-one
Version: 1
Provides: virtual-one (= 1), other
Filename: pool/r/real.deb
SHA256: ee

Package: unrelated
Version: 1
Filename: pool/u/unrelated.deb
SHA256: ff
"""


def test_the_server_and_all_that_it_needs():
    found = packages.closure(list(packages.paragraphs(_INDEX)))
    assert [package.name for package in found] == ["libc6", "libgcc-s1", "libssl3t64", "mysql-server-core", "real-one"]
    assert found[3] == packages.Package("mysql-server-core", "9.7.4-2", "pool/m/mysql-server-core.deb", "aa")


def test_a_suite_without_the_server_is_refused():
    with pytest.raises(packages.PackagesError, match="no package mysql-server-core"):
        packages.closure([])


def test_the_pin_has_the_server_its_libc_and_hashes():
    pinned = {package.name: package for package in packages.pinned()}
    assert {packages.SERVER, "libc6"} <= set(pinned)
    assert all(len(package.sha256) == 64 and package.file.startswith("pool/") for package in pinned.values())


def _mirror(folder: Path, content: bytes) -> list[str]:
    (folder / "pool").mkdir()
    (folder / "pool/a.deb").write_bytes(content)
    return [(folder / "nothing").as_uri(), folder.as_uri()]


def test_a_file_that_is_not_the_pinned_one_is_refused(tmp_path: Path):
    mirrors = _mirror(tmp_path, b"content")
    hash_of_it = hashlib.sha256(b"content").hexdigest()
    assert packages._file(mirrors, packages.Package("a", "1", "pool/a.deb", hash_of_it)) == b"content"
    with pytest.raises(packages.PackagesError, match="is not the pinned file; run: cargo xtask mysql update"):
        packages._file(mirrors, packages.Package("a", "1", "pool/a.deb", "00"))
    with pytest.raises(packages.PackagesError, match="no mirror of apt has pool/b.deb"):
        packages._file(mirrors, packages.Package("b", "1", "pool/b.deb", "00"))
