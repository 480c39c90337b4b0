"""One server for all tests of this folder; each test has a session and a database of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.tests.databend.client import Client, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("databend") / "data")
    yield running
    running.stop()


@pytest.fixture
def connect(server: Server) -> Callable[[], Client]:
    """Opens another session."""
    return lambda: Client(server.port)


@pytest.fixture
def db(server: Server) -> Iterator[str]:
    """A database that goes after the test."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    client = Client(server.port)
    client.run(f"CREATE DATABASE {name}")
    yield name
    client.run(f"DROP DATABASE {name}")


@pytest.fixture
def client(server: Server, db: str) -> Client:
    """A session in the test's own database."""
    client = Client(server.port)
    client.run(f"USE {db}")
    return client


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder for a server of the test's own."""
    return tmp_path / "data"
