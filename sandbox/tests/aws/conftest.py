"""One MySQL server and one service for all tests of this folder; a schema and a bucket for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.supervisor import mariadb, ports, sources
from sandbox.tests.aws.lab import Lab, Service, Source, make_instance


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    home = tmp_path_factory.mktemp("mysql")
    port = ports.choose(set())
    server = mariadb.start(home, port, home / "log", lambda *_: None)
    sources.wait_ready(server, port, 60)
    yield Source(port)
    server.stop(10)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("aws"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def instance(service: Service) -> str:
    return make_instance(service)


@pytest.fixture
def lab(service: Service, source: Source, instance: str) -> Iterator[Lab]:
    made = Lab(service, source, instance)
    yield made
    service.admin("DELETE", "faults")
    service.admin("DELETE", "dms/switches")
    # All pages: what is left running slows every later test.
    pages = made.dms.get_paginator("describe_replication_tasks").paginate(WithoutSettings=True)
    for task in [t for page in pages for t in page["ReplicationTasks"]]:
        if task["ReplicationTaskIdentifier"].startswith(made.name + "-") and task["Status"] == "running":
            made.dms.stop_replication_task(ReplicationTaskArn=task["ReplicationTaskArn"])
    for replication in made.dms.describe_replications()["Replications"]:
        if replication["ReplicationConfigIdentifier"].startswith(made.name + "-") and replication["Status"] == "running":
            made.dms.stop_replication(ReplicationConfigArn=replication["ReplicationConfigArn"])
    source.run(f"DROP DATABASE {made.schema}")
