"""The MySQL replication protocol, as far as AWS DMS reads it."""
