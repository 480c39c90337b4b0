"""The AWS side of the sandbox.

moto serves S3, IAM, STS and EC2; AWS DMS is our own, because moto's replication tasks
replicate nothing (docs/facts/dms.md section 6).

Layout
    server.py    one port: faults and admin first, then DMS, then moto
    switches.py  what AWS leaves open, as switches for tests
    dms/         the DMS API: resources, validation, statuses, statistics
    worker/      one replication task: MySQL source -> Parquet or CSV on S3 (a process of its own)
    iam/         what a role's policies allow
"""
