"""Ongoing changes: binlog -> a buffer for each table (buffers.py) -> files.

A buffer is written when CdcMaxBatchInterval has passed since its first change, or when it has CdcMinFileSize,
whichever comes first; every table has its own clock, so tables become visible at different times
(docs/facts/dms.md sections 1 and 2 d).
"""

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from .. import clock
from ..dms.mappings import TableMappings
from .bad_records import RecordError
from .binlog.events import TableMap
from .binlog.ddl import Effect
from .binlog.stream import BinlogStream, Broken, Ddl, Progress, Suspended, Transaction
from .buffers import Buffer, Buffers, Mark
from .change_seq import ChangeSequence
from .checkpoint import Checkpoint
from .columns import SourceColumn, SourceTable
from .control import Control
from .errors import Stopped, TaskFailed
from .files import encode
from .full_load import FullLoad, stamp_text
from .layout import Layout
from .plan import Captured, Meta, TablePlan
from .schema_history import SchemaHistory
from .settings import Job
from .source import Catalog, Position
from .stop_point import StopPoint
from .target import Target
from .transactions_file import TransactionsFile
from .types import UnknownType

log = logging.getLogger(__name__)

Key = tuple[str, str]
#: With nothing to write for this long, the checkpoint follows the source's position.
IDLE_CHECKPOINT_SECONDS = 60
STATS_SECONDS = 0.5


class ChangeCapture:
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
        full_load: FullLoad,
        history: SchemaHistory,
        stop_after_cached: bool,
    ) -> None:
        self._job, self._control, self._catalog = job, control, catalog
        self._target, self._layout, self._mappings = target, layout, mappings
        self._checkpoint, self._path = checkpoint, path
        self._full_load = full_load
        self._history = history
        self._data_errors = full_load.data_errors
        self._stop_after_cached = stop_after_cached
        self._sequence = ChangeSequence(lambda: control.switches, checkpoint)
        self._plans: dict[Key, TablePlan] = {}
        self._known: dict[Key, SourceTable] = {}
        self._suspended = {k for k in map(_key, checkpoint.tables) if checkpoint.table(k).state == "Table error"}
        self._buffers = Buffers()
        self._transactions = TransactionsFile(job.s3) if job.s3.preserve_transactions else None
        self._counts: dict[Key, dict[str, int]] = {}
        self._counted = time.monotonic()
        self._wrote = time.monotonic()
        self._flush_requests: list[tuple[int, Position]] = []
        self._stop_point = StopPoint.parse(job.cdc_stop_position)
        assert checkpoint.position is not None
        self._position = Position.parse(checkpoint.position)
        self._cached_until = Position.parse(checkpoint.cached_until) if checkpoint.cached_until else None
        self._stream = BinlogStream(job.source, self._position, self._table_of)

    def run(self) -> str:
        """Until something ends it; the StopReason without its prefix."""
        try:
            reason = self._loop()
            self._flush(self._buffers.keys())
            return reason
        finally:
            self._stream.stop()
            self._report_counts(force=True)

    def _loop(self) -> str:
        while True:
            self._commands()
            reason = self._cached_changes_done() or self._stop_point.reached_by_clock(clock.now())
            if reason:
                return reason
            item = self._stream.get(self._patience())
            match item:
                case Transaction():
                    reason = self._stop_point.reached_by_commit(item.commit_time)
                    if reason:
                        return reason
                    self._transaction(item)
                    self._position = item.end
                case Ddl():
                    self._ddl(item)
                    self._position = item.end
                case Progress():
                    self._position = item.end
                    self._idle()
                case Suspended():
                    self._suspend((item.schema, item.table), item.message)
                case Broken():
                    raise TaskFailed(item.message)
            self._flush_due()
            self._answer_flush_requests()
            self._report_counts()

    def _patience(self) -> float:
        deadline = self._buffers.next_deadline(self._free(self._buffers.keys()))
        return 0.2 if deadline is None else min(0.2, deadline - time.monotonic())

    # -- commands

    def _commands(self) -> None:
        while (command := self._control.command()) is not None:
            match command["command"]:
                case "stop":
                    flushed = self._control.switches.flushes_at_stop
                    self._flush([k for k in self._buffers.keys() if flushed(k)])
                    raise Stopped
                case "orphaned":
                    raise Stopped
                case "fail":
                    raise TaskFailed(command["message"])
                case "flush":
                    # What is committed now must be in the files when the answer comes.
                    self._flush_requests.append((command["id"], self._catalog.position()))
                case "reload":
                    keys = [(t["schema"], t["table"]) for t in command["tables"]]
                    self._reload(keys)
                case "table-error":
                    self._suspend((command["schema"], command["table"]), command["message"])

    def _answer_flush_requests(self) -> None:
        done = [r for r in self._flush_requests if self._position.reached(r[1])]
        if not done:
            return
        files = self._flush(self._buffers.keys())
        self._report_counts(force=True)
        self._flush_requests = [r for r in self._flush_requests if r not in done]
        for number, _ in done:
            self._control.emit("flushed", id=number, files=files)

    def _reload(self, keys: list[Key]) -> None:
        """ReloadTables: changes wait meanwhile; the timestamp stays that of the task's start (docs/facts/dms.md section 2 c)."""
        self._flush([k for k in keys if k in self._buffers])
        # Before the first row is read, so that no change from here on is passed over.
        self._suspended -= set(keys)
        self._stream.look_again()
        self._full_load.run(keys, reload=True)
        self._suspended |= {k for k in keys if self._checkpoint.table(k).state == "Table error"}

    # -- items

    def _table_of(self, event: TableMap) -> SourceTable | None:
        """Called by the stream's thread: the table as it was when the event was written, if the task takes it."""
        key = (event.schema, event.table)
        if key in self._suspended or not self._mappings.selects(*key):
            return None
        current = self._catalog.table(*key)
        table = self._history.at(event, current)
        if table is None:
            return None
        self._history.remember(current or table)
        known = self._known.get(key)
        if known is not None and not self._job.task.handle_altered:
            names = {c.name for c in known.columns if not c.hidden}
            columns = tuple(c if c.name in names else _hidden(c) for c in table.columns)
            table = SourceTable(*key, columns, table.has_unique_key)
        self._known[key] = table
        return table

    def _plan(self, table: SourceTable) -> TablePlan | None:
        plan = self._plans.get(table.key)
        if plan is None or plan.table != table:
            if table.key in self._buffers:
                self._flush([table.key])  # rows of the old columns
            try:
                plan = TablePlan(table, self._mappings, self._job.s3, self._job.task)
            except UnknownType as error:
                self._suspend(table.key, str(error))
                return None
            self._plans[table.key] = plan
            if not self._checkpoint.tables.get("\n".join(table.key)):
                self._checkpoint.table(table.key).state = "Table completed"
                self._full_load.retain_definitions([table.key])
                self._control.emit("table", schema=table.schema, table=table.name, state="Table completed")
        return plan

    def _transaction(self, item: Transaction) -> None:
        if self._job.cdc_start_time is not None and item.commit_time < self._job.cdc_start_time:
            return
        self._sequence.pass_to(item.end)
        first = Mark(item.start, self._sequence.state)
        self._sequence.begin(item.commit_time)
        timestamp = stamp_text(item.commit_time * 1_000_000)
        position = str(item.end)
        partition = self._layout.partition(item.commit_time)
        captured_ops = self._job.s3.captured_ops
        deadline = time.monotonic() + self._job.s3.cdc_max_batch_interval
        for change in item.changes:
            key = change.table.key
            if key in self._suspended:
                continue
            sequence = self._sequence.next()
            plan = self._plan(change.table)
            if plan is None or (plan.takes is not None and not plan.takes(change.values)):
                continue
            self._count(key, change.op)
            if change.op not in captured_ops:
                continue  # CdcInsertsOnly, CdcInsertsAndUpdates (docs/facts/dms.md section 1): deletes are lost here
            meta = Meta(
                change.op, timestamp, sequence, position, item.commit_time * 1_000_000, change.timestamp * 1_000_000
            )
            buffer = self._buffers.open(key, plan, first, deadline)
            row = Captured(meta, change.values, change.before)
            if self._transactions is not None:
                self._transactions.add(plan, row)
            buffer.rows.setdefault(partition, []).append(row)
            buffer.size += change.size

    def _ddl(self, item: Ddl) -> None:
        key = (item.schema, item.table)
        if key in self._suspended or not self._mappings.selects(*key):
            return
        # A MySQL source does not capture DROP TABLE, RENAME TABLE and changes of defaults (docs/facts/dms.md section 3).
        if item.effect in (Effect.TRUNCATE, Effect.ALTER, Effect.CREATE):
            self._count(key, "ddl")
        # "DDL on partitions suspends the table unless skipTableSuspensionForPartitionDdl = true."
        if item.effect == Effect.PARTITION and not self._job.source.skip_table_suspension_for_partition_ddl:
            self._suspend(key, "DDL on partitions (skipTableSuspensionForPartitionDdl is not set)")
        if item.effect != Effect.TRUNCATE:
            return
        if self._job.task.fail_on_truncation:
            raise TaskFailed(f"Truncation of table {key[0]}.{key[1]} (ApplyErrorFailOnTruncationDdl).")
        if self._job.task.handle_truncated:
            # "A truncate DDL operation removes all files and corresponding table folders from an S3 bucket"
            self._buffers.drop(key)
            known = self._known.get(key) or self._catalog.table(*key)
            plan = self._plan(known) if known else None
            if plan is not None:
                self._target.clear_folder(self._layout.folder(plan.target))

    def _suspend(self, key: Key, message: str) -> None:
        if self._job.task.table_error_stops_task:
            raise TaskFailed(f"Table {key[0]}.{key[1]}: {message}")
        self._suspended.add(key)
        self._buffers.drop(key)
        self._checkpoint.table(key).state = "Table error"
        self._checkpoint.save(self._path)
        self._control.emit("table", schema=key[0], table=key[1], state="Table error", error=message)

    def _cached_changes_done(self) -> str | None:
        if self._cached_until is None or not self._position.reached(self._cached_until):
            return None
        self._cached_until = None
        if self._stop_after_cached:
            self._flush(self._buffers.keys())
        self._checkpoint.cached_until = None
        self._checkpoint.save(self._path)
        return "STOPPED_AFTER_CACHED_EVENTS" if self._stop_after_cached else None

    # -- writing

    def _flush_due(self) -> None:
        now = time.monotonic()
        limit = self._job.s3.cdc_min_file_size * 1024
        self._flush(self._buffers.due(now, limit))

    def _free(self, keys: list[Key]) -> list[Key]:
        """Those that no test holds back (the switch `held_tables`)."""
        switches = self._control.switches
        return [k for k in keys if not switches.holds(k)]

    def _flush(self, keys: list[Key]) -> int:
        """Writes the tables' buffers; the number of files."""
        # With PreserveTransactions one file for all tables, which no table can be held back from.
        keys = self._buffers.keys() if self._transactions is not None and keys else self._free(keys)
        if not keys:
            return 0
        # The sequence must not come again after a crash, so it is noted before anybody can see it.
        if not self._sequence.rereads:
            self._checkpoint.sequence, self._checkpoint.numbered_until = self._sequence.state, str(self._position)
        self._checkpoint.save(self._path)
        first = self._buffers.first()
        assert first is not None
        written = 0
        if self._transactions is not None:
            self._target.put(self._layout.transactions_key(clock.now()), self._transactions.take())
            written = 1
        for key in keys:
            for buffer in self._buffers.of(key):
                if self._transactions is None:
                    written += self._write(key, buffer)
                for rows in buffer.rows.values():
                    for row in rows:
                        self._count(key, "applied_" + row.meta.op)
            self._buffers.drop(key)
        # Not behind this flush but at its beginning: a resume writes these changes again (checkpoint.py).
        self._advance(first)
        self._wrote = time.monotonic()
        self._report_counts(force=True)
        return written

    def _write(self, key: Key, buffer: Buffer) -> int:
        written = 0
        for partition, rows in buffer.rows.items():
            try:
                try:
                    batch = buffer.plan.cdc_batch(rows)
                except RecordError:
                    rows[:] = self._data_errors.sound(key, rows, lambda some: buffer.plan.cdc_batch(list(some)))
                    if not rows:
                        continue
                    batch = buffer.plan.cdc_batch(rows)
                body = encode(batch, self._job.s3)
            except (pa.ArrowException, ValueError) as error:
                log.exception("cannot write changes of %s.%s", *key)
                self._suspend(key, str(error))
                return written
            self._target.put(self._layout.cdc_key(buffer.plan.target, partition, clock.now()), body)
            written += 1
        return written

    def _idle(self) -> None:
        if not self._buffers and time.monotonic() - self._wrote > IDLE_CHECKPOINT_SECONDS:
            self._wrote = time.monotonic()
            self._advance(Mark(self._position, self._sequence.state))

    def _advance(self, mark: Mark) -> None:
        self._checkpoint.position = str(mark.position)
        self._checkpoint.sequence_at_position = mark.sequence
        self._checkpoint.jumps = [j for j in self._checkpoint.jumps if not mark.position.reached(Position.parse(j[0]))]
        self._checkpoint.flushes += 1
        self._checkpoint.save(self._path)
        self._control.emit("checkpoint", position=str(mark.position), number=self._checkpoint.flushes)

    # -- statistics

    def _count(self, key: Key, what: str) -> None:
        counts = self._counts.setdefault(key, {})
        counts[what] = counts.get(what, 0) + 1

    def _report_counts(self, *, force: bool = False) -> None:
        if not self._counts or (not force and time.monotonic() - self._counted < STATS_SECONDS):
            return
        self._counted = time.monotonic()
        for (schema, table), counts in self._counts.items():
            fields: dict[str, Any] = dict(counts)
            self._control.emit("changes", schema=schema, table=table, counts=fields)
        self._counts.clear()


def _key(text: str) -> Key:
    schema, _, table = text.partition("\n")
    return schema, table


def _hidden(column: SourceColumn) -> SourceColumn:
    return replace(column, hidden=True)
