"""Databend for one machine: the real engine behind the HTTP protocol that Databend's drivers speak.

Layout, from the door inwards:

- ``__main__``, ``service``: command line, start and stop; the parts put together
- ``http_server``: connections, routes; ``faults``: what may happen to a request on demand
- ``protocol``: queries by id, pages, the answer documents; ``session``: what a client's session is
- ``executor``: one statement of one session; decides what the engine gets to see
- ``transactions``: BEGIN, COMMIT, ROLLBACK and the Fail state
- ``streams``: what a stream is; ``stream_statements``: CREATE STREAM and its like; ``stream_reading``: a stream's rows in the
  place of its name
- ``tasks``: what a task is and the statements that change it; ``scheduler``: when tasks run; ``history``: what became of it
- ``accounts``: users and their passwords; ``grants``: who has been granted what; ``access``: what is refused and hidden
- ``introspection``: the catalogue in the place of its names; ``catalog``: system.tasks, system.streams and their like as something the engine can select from
- ``warehouses``: which there are; ``clock``: the time, which can jump
- ``engine``, ``meta_ports``: the embedded engine, and how its catalog survives a restart
- ``encoding``: results as the text that the driver reads; ``errors``: codes and texts
- ``parser``: the co-process with Databend's own SQL parser (sandbox/parser)
- ``store``: what the sandbox itself must remember
"""
