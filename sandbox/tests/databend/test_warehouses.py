"""Names of warehouses (sandbox/README.md; FIDELITY.md)."""

from __future__ import annotations

from sandbox.tests.databend.client import Client


def test_a_task_of_an_unknown_warehouse_is_refused(client: Client, db: str) -> None:
    assert client.code(f"CREATE TASK wh_{db} WAREHOUSE = 'defualt' SCHEDULE = 1 MINUTE AS SELECT 1") == 1006
    assert client.run(f"SELECT name FROM system.tasks WHERE name = 'wh_{db}'") == []
    client.run(f"CREATE TASK wh_{db} WAREHOUSE = 'default' SCHEDULE = 1 MINUTE AS SELECT 1")
    assert client.code(f"ALTER TASK wh_{db} SET WAREHOUSE = 'no_such'") == 1006
    client.run(f"ALTER TASK wh_{db} SET WAREHOUSE = 'large'")
    assert client.value(f"SELECT warehouse FROM system.tasks WHERE name = 'wh_{db}'") == "large"
    client.run(f"DROP TASK wh_{db}")


def test_warehouses_are_shown_and_used(client: Client) -> None:
    assert [row[0] for row in client.run("SHOW WAREHOUSES")] == ["default", "large", "other"]
    client.run("USE WAREHOUSE large")
    assert client.state["settings"]["warehouse"] == "large"
    assert client.code("USE WAREHOUSE nowhere") == 1006
