"""Puts the parts together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from sandbox.databend import meta_ports, retention
from sandbox.databend.access import Access
from sandbox.databend.accounts import Accounts
from sandbox.databend.clock import CLOCK
from sandbox.databend.engine import Engine
from sandbox.databend.errors import FAULT
from sandbox.databend.executor import Executor
from sandbox.databend.grants import Grants
from sandbox.databend.history import History
from sandbox.databend.http_server import Server
from sandbox.databend.introspection import Introspection
from sandbox.databend.parser import Parser
from sandbox.databend.protocol import Protocol
from sandbox.databend.scheduler import Scheduler
from sandbox.databend.session import Session
from sandbox.databend.stage_masks import StageMasks
from sandbox.databend.store import Store
from sandbox.databend.streams import Streams
from sandbox.databend.tasks import Tasks
from sandbox.databend.warehouses import DEFAULT, Warehouses
from sandbox.faults import Faults


class Service:
    """A running Databend."""

    def __init__(self, data: Path, port: int, parser_path: Path, warehouses: Sequence[str] = DEFAULT) -> None:
        folder = data / "engine"
        engine = Engine(folder)
        meta_ports.check_after_start(data)
        system = Session(engine.session())
        self._store = Store(data / "sandbox.sqlite")
        CLOCK.use(self._store)
        self._parser = Parser(parser_path)
        streams = Streams(self._store, folder, system.engine)
        tasks = Tasks(self._store, self._parser)
        history = History(self._store)
        faults = Faults(default_code=FAULT)
        self._scheduler = Scheduler(engine, tasks, history, faults)
        grants = Grants(engine.session())
        accounts = Accounts(self._store, engine.session(), grants)
        access = Access(grants, streams)
        folder = data / "system-tables"
        masks = StageMasks(self._store, system.engine)
        introspection = Introspection(system.engine, streams, tasks, history, grants, access, masks, folder)
        executor = Executor(
            self._parser, streams, tasks, grants, accounts, access, introspection, Warehouses(warehouses), masks,
            self._scheduler.execute,
        )  # fmt: skip
        keeper = engine.session()

        def jump(seconds: float) -> None:
            CLOCK.advance(seconds)
            retention.expire(keeper, streams)

        def run_task(name: str) -> None:
            self._scheduler.run(tasks.get(name).name)

        protocol = Protocol(engine, self._parser, executor, accounts)
        self._server = Server(port, protocol, accounts, faults, jump, run_task, masks)
        self._scheduler.start(executor)
        threading.Thread(target=self._server.serve_forever, name="http", daemon=True).start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def stop(self) -> None:
        self._scheduler.stop()
        self._server.shutdown()
        self._server.server_close()
        self._parser.close()
        self._store.close()
