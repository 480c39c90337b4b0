"""A DMS replication task at work: one process per task.

Started by `sandbox.aws.dms.worker_process`; reads its job and its commands as JSON lines on stdin,
reports on stdout (`control.py`).

Layout
    fork_server.py one process with everything imported, from which the tasks' processes are forked
    task.py        the course of a run: full load, cached changes, ongoing changes
    full_load.py   tables -> LOAD%08X files
    cdc.py         binlog -> YYYYMMDD-HHMMSSmmm files, flushed per table
    buffers.py     changes that wait to be written
    change_seq.py  AR_H_CHANGE_SEQ
    plan.py        what an output row of a table looks like (mappings + S3 settings)
    source.py      the MySQL source: schema, rows, positions
    binlog/        the replication protocol and the events in it
    types.py       MySQL type -> Parquet type
    files.py       Parquet and CSV encoding
    layout.py      object keys
    checkpoint.py  what survives a stop
    schema_history.py  the columns that tables had before
"""
