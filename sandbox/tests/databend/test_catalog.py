"""System tables (docs/facts/databend.md, "Introspection")."""

from __future__ import annotations

from sandbox.tests.databend.client import Client


def test_the_sandboxs_own_database_is_nowhere_to_be_seen(client: Client) -> None:
    client.run("CREATE TABLE t (id INT)")
    client.run("CREATE STREAM s ON TABLE t")
    for sql in (
        "SELECT name FROM system.databases WHERE name = '_sandbox'",
        "SELECT name FROM system.tables WHERE database = '_sandbox'",
        "SELECT name FROM system.columns WHERE database = '_sandbox'",
        "SELECT table_name FROM information_schema.tables WHERE table_schema = '_sandbox'",
    ):
        assert client.run(sql) == [], sql
    assert ["_sandbox"] not in client.run("SHOW DATABASES")
    assert ["default"] in client.run("SHOW DATABASES")


def test_columns_and_options_come_from_the_engine(client: Client, db: str) -> None:
    client.run("CREATE TABLE t (id BIGINT NOT NULL DEFAULT 7 COMMENT 'key', amount DECIMAL(12, 2)) CLUSTER BY (id)")
    columns = client.run(
        "SELECT name, data_type, is_nullable, default_expression, comment FROM system.columns "
        f"WHERE database = '{db}' AND table = 't' ORDER BY name"
    )
    assert columns == [["amount", "DECIMAL(12, 2)", "YES", "", ""], ["id", "BIGINT", "NO", "7", "key"]]
    assert client.value(f"SELECT cluster_by FROM system.tables WHERE database = '{db}'") == "(id)"


def test_an_alias_of_a_replaced_table_works_with_and_without(client: Client, db: str) -> None:
    client.run("CREATE TABLE t (id INT)")
    sql = f"SELECT tables.name, c.name FROM system.tables JOIN system.columns AS c ON c.table = tables.name AND c.database = tables.database WHERE tables.database = '{db}'"
    assert client.run(sql) == [["t", "id"]]


def test_empty_system_tables_keep_their_types(client: Client) -> None:
    client.run("SELECT * FROM system.tasks WHERE name = 'none'")
    assert client.types[0] == "Timestamp"
    assert "Nullable(Variant)" in client.types


def test_stages_show_their_storage_without_secrets(client: Client, db: str) -> None:
    client.run(
        f"CREATE STAGE st_{db} URL = 's3://bucket/prefix/' CONNECTION = (endpoint_url = 'http://127.0.0.1:1' "
        "region = 'us-east-1' access_key_id = 'AKIDSECRET' secret_access_key = 'verysecret')"
    )
    [row] = client.run(f"SELECT url, storage_params FROM system.stages WHERE name = 'st_{db}'")
    assert row[0] == "s3://bucket/prefix/"
    assert row[1] is not None and '"bucket":"bucket"' in row[1] and "verysecret" not in row[1]
    client.run(f"DROP STAGE st_{db}")
