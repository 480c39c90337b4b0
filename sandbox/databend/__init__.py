"""Databend for one machine: the real engine behind the HTTP protocol that Databend's drivers speak.

Layout, from the door inwards:

- ``__main__``: command line, start and stop
- ``http_server``: connections, routes, faults
- ``protocol``: queries by id, pages, the answer documents
- ``executor``: one statement of one session; decides what the engine gets to see
- ``transactions``: BEGIN, COMMIT, ROLLBACK and the Fail state
- ``streams``, ``stream_reading``: what a stream is; a stream's rows in the place of its name
- ``tasks``, ``task_graph``, ``scheduler``, ``history``: what a task is; when tasks run; what became of it
- ``catalog``: system.tasks, system.streams and their like as something the engine can select from
- ``engine``, ``meta_ports``: the embedded engine, and how its catalog survives a restart
- ``encoding``: results as the text that the driver reads
- ``parser``: the co-process with Databend's own SQL parser (sandbox/parser)
- ``store``: what the sandbox itself must remember
"""
