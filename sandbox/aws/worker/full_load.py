"""The full load: every table to LOAD%08X files, several tables at a time."""

import logging
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pyarrow as pa
import pymysql

from .. import clock
from ..dms.mappings import TableMappings
from .bad_records import DataErrors, RecordError
from .checkpoint import Checkpoint
from .columns import SourceTable
from .control import Control
from .errors import Stopped, TaskFailed
from .files import CsvSink, ParquetSink, open_sink
from .layout import Layout
from .plan import TablePlan
from .schema_history import SchemaHistory
from .settings import Job
from .source import Catalog, SourceError, stream_rows
from .target import Target, TargetError
from .types import UnknownType, select_expression

log = logging.getLogger(__name__)

Key = tuple[str, str]


def micros(now: float) -> int:
    return int(now * 1_000_000)


def stamp_text(value: int) -> str:
    """TimestampColumnName's form: yyyy-MM-dd HH:mm:ss.SSSSSS."""
    return pa.scalar(value, pa.timestamp("us")).cast(pa.string()).as_py()


class FullLoad:
    def __init__(
        self,
        job: Job,
        control: Control,
        catalog: Catalog,
        target: Target,
        layout: Layout,
        mappings: TableMappings,
        checkpoint: Checkpoint,
        path: Path,
        history: SchemaHistory,
    ) -> None:
        self._history = history
        self.data_errors = DataErrors(job.task)
        self._job, self._control, self._catalog = job, control, catalog
        self._target, self._layout, self._mappings = target, layout, mappings
        self._checkpoint, self._path = checkpoint, path
        self._lock = Lock()
        self._bad: dict[Key, int] = {}
        #: The tables as they were when the task started or resumed.
        self._definitions: dict[Key, SourceTable] = {}

    def retain_definitions(self, keys: Iterable[Key]) -> None:
        """Reads the definitions that a later reload goes by (the switch `reload_definition`)."""
        for key in keys:
            table = self._catalog.table(*key)
            if table is not None:
                self._definitions[key] = table

    def run(self, keys: Iterable[Key], *, reload: bool = False) -> None:
        """Loads the tables, those with the higher load-order first, MaxFullLoadSubTasks at a time."""
        ordered = sorted(keys, key=lambda k: (-self._mappings.load_order(*k), k))
        if not ordered:
            return
        for key in ordered:
            self._state(key, "Table is being reloaded" if reload else "Before load")
        with ThreadPoolExecutor(min(self._job.task.sub_tasks, len(ordered)), thread_name_prefix="load") as pool:
            errors = [f.exception() for f in [pool.submit(self._load, key, reload) for key in ordered]]
        for error in errors:
            if error is not None:
                raise error

    def _state(self, key: Key, state: str, **fields: object) -> None:
        with self._lock:
            progress = self._checkpoint.table(key)
            progress.state = state
            self._checkpoint.save(self._path)
        self._control.emit("table", schema=key[0], table=key[1], state=state, **fields)

    def _load(self, key: Key, reload: bool) -> None:
        if self._control.stopping.is_set():
            raise Stopped
        started = clock.now()
        with self._lock:
            self._checkpoint.table(key).reload = reload
        self._state(
            key, "Table is being reloaded" if reload else "Full load", started=started, rows=0, reloaded=reload
        )
        try:
            rows = self._copy(key, reload)
        except Stopped:
            self._state(key, "Table cancelled")
            raise
        except (SourceError, UnknownType, pymysql.MySQLError, pa.ArrowException, TargetError, OSError, ValueError) as error:
            log.exception("full load of %s.%s failed", *key)
            self._state(key, "Table error", error=str(error))
            if self._job.task.table_error_stops_task or isinstance(error, TargetError):
                raise TaskFailed(f"Full load of table {key[0]}.{key[1]} failed: {error}") from error
            return
        with self._lock:
            self._checkpoint.table(key).rows = rows
        self._state(key, "Table completed", rows=rows, ended=clock.now())

    def _definition(self, key: Key, reload: bool) -> SourceTable:
        table = self._catalog.table(*key)
        if table is None:
            self._control.emit("table", schema=key[0], table=key[1], state="Table does not exist")
            raise SourceError(f"Table {key[0]}.{key[1]} does not exist.")
        retained, policy = self._definitions.get(key), self._control.switches.reload_definition
        if reload and retained is not None and retained != table and policy != "current":
            if policy == "fails":
                raise SourceError(f"The definition of table {key[0]}.{key[1]} has changed since the task read it.")
            return retained
        self._history.remember(table)
        self._definitions[key] = table
        return table

    def _copy(self, key: Key, reload: bool) -> int:
        table = self._definition(key, reload)
        limit = self._control.use_short_load(key)
        self._bad.pop(key, None)
        plan = TablePlan(table, self._mappings, self._job.s3, self._job.task)
        if self._job.task.prep_mode != "DO_NOTHING":
            # DROP_AND_CREATE and TRUNCATE_BEFORE_LOAD delete what lies in the table's folder (docs/facts/dms.md section 4).
            self._target.clear_folder(self._layout.folder(plan.target))
        quoted = ", ".join(select_expression(o.column) for o in plan.outputs)
        names = ["`" + part.replace("`", "``") + "`" for part in key]
        with tempfile.TemporaryDirectory(dir=self._job.directory) as scratch:
            writer = _LoadWriter(plan, self, key, Path(scratch))
            rows = stream_rows(
                self._job.source,
                f"SELECT {quoted} FROM {names[0]}.{names[1]}"
                + (f" WHERE {plan.where}" if plan.where else "")
                + (f" LIMIT {limit}" if limit is not None else ""),
                len(plan.outputs),
                self._job.s3.row_group_length,
                writer.batch,
            )
            writer.finish()
        return rows - self._bad.get(key, 0)

    # -- what _LoadWriter needs

    @property
    def job(self) -> Job:
        return self._job

    def stamps(self, count: int, since: int) -> tuple[pa.Array, int]:
        """The timestamp column of a batch that was read since `since`, and its last value.

        By default every row has the time at which it was transferred: its own, increasing (docs/facts/dms.md section 1).
        """
        if self._job.s3.use_task_start_time:
            return pa.repeat(stamp_text(self._checkpoint.task_start), count), since
        until = max(micros(clock.now()), since + count)
        step = (until - since) // count
        values = pa.array(range(since + step, since + step * count + 1, step), pa.int64())
        return values.cast(pa.timestamp("us")).cast(pa.string()), since + step * count

    def upload(self, plan: TablePlan, number: int, path: Path) -> None:
        self._target.put_file(self._layout.load_key(plan.target, number), path)

    def bad_rows(self, key: Key, rows: int) -> None:
        """Counts towards FullLoadErrorRows; the rows themselves are not loaded."""
        self._bad[key] = self._bad.get(key, 0) + rows
        self._control.emit("table", schema=key[0], table=key[1], bad_rows=self._bad[key])

    def progress(self, key: Key, rows: int) -> None:
        if self._control.stopping.is_set():
            raise Stopped
        self._control.emit("table", schema=key[0], table=key[1], rows=rows)


class _LoadWriter:
    """The files of one table: a new one whenever MaxFileSize is reached; none for an empty table."""

    def __init__(self, plan: TablePlan, load: FullLoad, key: Key, scratch: Path) -> None:
        self._plan, self._load, self._key, self._scratch = plan, load, key, scratch
        self._number = 0
        self._rows = 0
        self._reported = 0.0
        self._last_stamp = micros(clock.now())
        self._sink: ParquetSink | CsvSink | None = None
        self._limit = load.job.s3.max_file_size * 1024

    def batch(self, texts: list[list[bytes | None]]) -> None:
        try:
            table = self._table(texts)
        except RecordError:
            rows = list(zip(*texts, strict=True))
            sound = self._load.data_errors.sound(self._key, rows, lambda some: self._table([list(c) for c in zip(*some, strict=True)]))
            self._load.bad_rows(self._key, len(rows) - len(sound))
            if not sound:
                return
            table = self._table([list(c) for c in zip(*sound, strict=True)])
        count = table.num_rows
        if self._sink is None:
            self._number += 1
            self._file = (self._scratch / f"{self._number}").open("wb")
            self._sink = open_sink(self._file, table.schema, self._load.job.s3)
        self._sink.write(table)
        self._rows += count
        if self._file.tell() >= self._limit:
            self.finish()
        if time.monotonic() - self._reported > 0.5:
            self._reported = time.monotonic()
            self._load.progress(self._key, self._rows)

    def _table(self, texts: list[list[bytes | None]]) -> pa.Table:
        stamps, self._last_stamp = self._load.stamps(len(texts[0]), self._last_stamp)
        return self._plan.full_load_batch(texts, stamps, micros(clock.now()))

    def finish(self) -> None:
        if self._sink is None:
            return
        self._sink.close()
        self._file.close()
        self._sink = None
        path = Path(self._file.name)
        self._load.upload(self._plan, self._number, path)
        path.unlink()
