"""The course of one run of a replication task."""

import logging
from pathlib import Path

import pymysql

from .. import clock
from ..dms import mappings
from .binlog.stream import RETRY_SECONDS
from .cdc import ChangeCapture
from .checkpoint import Checkpoint, TableProgress
from .control import Control
from .errors import Stopped, TaskFailed
from .full_load import FullLoad, micros
from .layout import Layout
from .schema_history import SchemaHistory
from .settings import Job
from .source import Catalog, Position, SourceError
from .target import Target, TargetError

log = logging.getLogger(__name__)

Key = tuple[str, str]


class Task:
    def __init__(self, job: Job, control: Control) -> None:
        self._job, self._control = job, control
        self._path = Path(job.directory) / "checkpoint.json"
        self._mappings = mappings.parse(job.mappings)

    def run(self) -> None:
        """Runs to the end and reports it: `stopped` with the reason, or `failed` with the message."""
        try:
            self._control.emit("stopped", reason=self._run())
        except Stopped:
            if self._control.failure is not None:
                self._fail(self._control.failure)
            else:
                self._control.emit("stopped", reason="NORMAL")
        except (TaskFailed, SourceError, TargetError) as error:
            self._fail(str(error))
        except pymysql.MySQLError as error:
            self._fail(f"Cannot read the source endpoint: {error.args[-1] if error.args else error}")
        except Exception as error:
            log.exception("task failed")
            self._fail(f"{type(error).__name__}: {error}")

    def _fail(self, message: str) -> None:
        log.error("task failed: %s", message)
        self._control.emit("failed", message=message)

    def _run(self) -> str:
        job = self._job
        if job.task.full_lob_mode or job.task.inline_lobs:
            raise TaskFailed("Full LOB mode and inline LOB mode are not supported for an S3 target.")
        catalog, target = Catalog(job.source), Target(job)
        if job.migration_type != "full-load":
            catalog.check_settings()
        target.check()
        self._control.emit("running")

        checkpoint = self._begin(catalog)
        layout = Layout(job.s3)
        history = SchemaHistory(self._path.with_name("schemas.json"))
        load = FullLoad(job, self._control, catalog, target, layout, self._mappings, checkpoint, self._path, history)
        just_loaded = False
        load.retain_definitions(k for k, table in _tables(checkpoint) if table.state == "Table completed")
        if job.migration_type != "cdc" and not checkpoint.full_load_finished():
            just_loaded = self._full_load(catalog, checkpoint, load)
        if just_loaded:
            if job.migration_type == "full-load":
                return "FULL_LOAD_ONLY_FINISHED"
            if job.task.stop_not_applied:
                return "STOPPED_AFTER_FULL_LOAD"
        elif job.migration_type == "full-load":
            return "FULL_LOAD_ONLY_FINISHED"
        return ChangeCapture(
            job, self._control, catalog, target, layout, self._mappings, checkpoint, self._path, load, history,
            stop_after_cached=just_loaded and job.task.stop_applied,
        ).run()  # fmt: skip

    def _begin(self, catalog: Catalog) -> Checkpoint:
        """The checkpoint of this run: a new one, or the one to resume from."""
        job = self._job
        if job.start_type == "resume-processing" and self._path.exists():
            checkpoint = Checkpoint.load(self._path)
            if job.cdc_start_position:
                checkpoint.position = str(parse_start_position(job.cdc_start_position))
                # Which numbers the changes from there had is not known.
                checkpoint.numbered_until = None
            self._add_tables(catalog, checkpoint)
            self._control.emit("checkpoint", position=checkpoint.position, number=checkpoint.flushes)
            return checkpoint
        checkpoint = Checkpoint(task_start=micros(clock.now()))
        if job.start_type == "reload-target" and self._path.exists():
            # The sequence is unique within a task, also across a reload.
            old = Checkpoint.load(self._path)
            checkpoint.sequence = old.sequence
        # Before the first row is read: no later change can be missed.
        checkpoint.position = str(self._start_position(catalog))
        for key in catalog.tables():
            if self._mappings.selects(*key):
                state = "Before load" if job.migration_type != "cdc" else "Table completed"
                checkpoint.table(key).state = state
                self._control.emit("table", schema=key[0], table=key[1], state=state, rows=0)
        if not checkpoint.tables and job.task.fail_without_tables:
            raise TaskFailed(
                "No tables were found at task initialization. Either the selected table(s) or schemas(s) no longer exist "
                "or no match was found for the table selection pattern(s)."
            )
        checkpoint.save(self._path)
        self._control.emit("checkpoint", position=checkpoint.position, number=0)
        return checkpoint

    def _add_tables(self, catalog: Catalog, checkpoint: Checkpoint) -> None:
        """Tables that the mappings did not select before: loaded, or followed from here on."""
        loads = self._control.switches.added_tables == "loaded" and self._job.migration_type != "cdc"
        for key in catalog.tables():
            if self._mappings.selects(*key) and "\n".join(key) not in checkpoint.tables:
                state = "Before load" if loads else "Table completed"
                checkpoint.table(key).state = state
                self._control.emit("table", schema=key[0], table=key[1], state=state, rows=0)
        checkpoint.save(self._path)

    def _start_position(self, catalog: Catalog) -> Position:
        if self._job.migration_type == "full-load":
            return Position("", 0)
        if self._job.cdc_start_position:
            return parse_start_position(self._job.cdc_start_position)
        if self._job.cdc_start_time is not None:
            return catalog.oldest_position()
        return catalog.position()

    def _full_load(self, catalog: Catalog, checkpoint: Checkpoint, load: FullLoad) -> bool:
        """Loads what is not loaded yet; a resume begins the unfinished tables again.

        Returns whether that was part of the task's own full load, as opposed to what ReloadTables asked for.
        """
        pending = [(k, table) for k, table in _tables(checkpoint) if table.state not in ("Table completed", "Table error")]
        load.run([k for k, table in pending if table.reload], reload=True)
        pending = [(k, table) for k, table in pending if not table.reload]
        if not pending:
            return False
        self._control.emit("full-load", started=clock.now(), tables=len(checkpoint.tables))
        load.run([k for k, _ in pending])
        self._control.emit("full-load", ended=clock.now(), tables=len(checkpoint.tables))
        if self._job.migration_type != "full-load":
            # Changes between the two positions are the cached ones: committed while the load ran.
            checkpoint.cached_until = str(self._position_after_load(catalog))
            checkpoint.save(self._path)
        return True

    def _position_after_load(self, catalog: Catalog) -> Position:
        """Waits for a source that the load has lost, as ongoing replication does."""
        while True:
            try:
                return catalog.position()
            except (pymysql.OperationalError, OSError) as error:
                log.warning("lost the source (%s); retrying", error)
                if self._control.stopping.wait(RETRY_SECONDS):
                    raise Stopped from error


def _tables(checkpoint: Checkpoint) -> list[tuple[Key, TableProgress]]:
    keys = (text.partition("\n") for text in checkpoint.tables)
    return [((schema, table), checkpoint.table((schema, table))) for schema, _, table in keys]


def parse_start_position(text: str) -> Position:
    """CdcStartPosition: `binlog.000024:373`, or a RecoveryCheckpoint."""
    if text.startswith("checkpoint:"):
        for part in text.split("#")[2:3]:
            file, offset = part.split(":")[:2]
            return Position(file, int(offset))
    try:
        return Position.parse(text)
    except ValueError as error:
        raise TaskFailed(f"CdcStartPosition: {error}") from error
