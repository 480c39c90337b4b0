"""Starts and watches the parts of one sandbox, and stops them together.

Layout: `run` is the life of a sandbox from start to stop; `child` is one watched process; `mariadb`, `mysql` and
`services` say how each part is started, `sources` what both servers have; `ports` keeps a sandbox on the same ports; `admin` is the HTTP
front for faults and health; `envfile` writes what the outside needs to know.
"""
