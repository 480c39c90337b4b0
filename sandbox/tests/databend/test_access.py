"""Users, roles and grants (source: Databend's privilege_access.rs; FIDELITY.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.tests.databend.client import Client, DatabendError, Server, wait_until

SECRET = "s3cret-of-a-test"


class Someone:
    """A user with one role, and root beside him."""

    def __init__(self, server: Server, root: Client, db: str) -> None:
        self.server, self.root, self.db = server, root, db
        self.name, self.role = f"u_{db}", f"r_{db}"
        root.run(f"CREATE ROLE {self.role}")
        root.run(f"CREATE USER {self.name} IDENTIFIED BY '{SECRET}' WITH DEFAULT_ROLE = '{self.role}'")
        root.run(f"GRANT ROLE {self.role} TO {self.name}")
        self.client = self.connect()

    def connect(self) -> Client:
        return Client(self.server.port, user=self.name, password=SECRET)

    def grant(self, what: str) -> None:
        self.root.run(f"GRANT {what} TO ROLE {self.role}")

    def denied(self, sql: str) -> str:
        with pytest.raises(DatabendError) as error:
            self.client.run(sql)
        assert error.value.code == 1063, error.value
        return error.value.message


@pytest.fixture
def someone(server: Server, client: Client, db: str) -> Iterator[Someone]:
    client.run("CREATE TABLE t (id INT, n INT)")
    client.run("CREATE TABLE other (id INT)")
    someone = Someone(server, client, db)
    yield someone
    client.run(f"DROP USER IF EXISTS {someone.name}")
    client.run(f"DROP ROLE IF EXISTS {someone.role}")


def test_a_password_is_asked_for_and_can_be_changed(someone: Someone) -> None:
    assert Client(someone.server.port, user=someone.name, password=SECRET).login[0] == 200
    status, document, _ = Client(someone.server.port, user=someone.name, password="wrong").login
    assert (status, document["error"]["code"]) == (401, 5100)
    assert Client(someone.server.port, user="nobody", password="").login[0] == 401
    # From then on the old password opens nothing, the rest of this very query included.
    assert someone.client.post("ALTER USER USER() IDENTIFIED BY 'another one'")["error"] is None
    assert Client(someone.server.port, user=someone.name, password=SECRET).login[0] == 401
    assert Client(someone.server.port, user=someone.name, password="another one").login[0] == 200
    someone.root.run(f"DROP USER {someone.name}")
    assert Client(someone.server.port, user=someone.name, password="another one").login[0] == 401


def test_a_disabled_user_stays_outside(someone: Someone) -> None:
    someone.root.run(f"ALTER USER {someone.name} WITH DISABLED = TRUE")
    assert Client(someone.server.port, user=someone.name, password=SECRET).login[0] == 401


def test_without_a_grant_the_error_names_what_is_missing(someone: Someone) -> None:
    message = someone.denied(f"SELECT * FROM {someone.db}.t")
    assert message == (
        f"Permission denied: privilege [Select] is required on 'default'.'{someone.db}'.'t' for user "
        f"'{someone.name}'@'%' with roles [public,{someone.role}]"
    )
    assert someone.denied("CREATE DATABASE nothing_of_it").startswith(
        f"Permission denied: privilege [CreateDatabase] is required on *.* for user '{someone.name}'@'%' with roles "
        f"[{someone.role}]. Note:"
    )


@pytest.mark.parametrize(
    ("sql", "grants"),
    [
        ("SELECT * FROM DB.t", ["SELECT ON DB.t"]),
        ("INSERT INTO DB.t SELECT id, 1 FROM DB.other", ["INSERT ON DB.t", "SELECT ON DB.other"]),
        ("UPDATE DB.t SET n = 2 WHERE id = 1", ["UPDATE ON DB.t"]),
        ("DELETE FROM DB.t WHERE id = 1", ["DELETE ON DB.t"]),
        (
            "MERGE INTO DB.t USING (SELECT 1 AS id) AS s ON t.id = s.id WHEN MATCHED THEN DELETE",
            ["INSERT ON DB.t", "UPDATE ON DB.t", "DELETE ON DB.t"],
        ),
        ("ALTER TABLE DB.t ADD COLUMN more INT", ["ALTER ON DB.t"]),
        ("DROP TABLE DB.t", ["DROP ON DB.t"]),
        ("TRUNCATE TABLE DB.t", ["DELETE ON DB.t"]),
        ("OPTIMIZE TABLE DB.t COMPACT", ["SUPER ON *.*"]),
        ("CREATE TABLE DB.made (id INT)", ["CREATE ON DB.*"]),
        ("CREATE STREAM DB.made ON TABLE DB.t", ["CREATE ON DB.*"]),
        ("USE DB", ["USAGE ON DB.*"]),
        ("SELECT count(*) FROM system.tasks", ["SELECT ON system.tasks"]),
        ("SELECT count(*) FROM system.task_history", ["SELECT ON system.task_history"]),
        ("CREATE TASK task_DB SCHEDULE = 1 MINUTE AS SELECT 1", ["SUPER ON *.*"]),
        ("SHOW TASKS", ["SUPER ON *.*"]),
        ("CREATE ROLE role_of_DB", ["CREATE ROLE ON *.*"]),
        ("SET GLOBAL max_threads = 2", ["SUPER ON *.*"]),
    ],
)
def test_each_statement_needs_each_of_its_grants(someone: Someone, sql: str, grants: list[str]) -> None:
    sql = sql.replace("DB", someone.db)
    for grant in grants:
        privilege = grant.split(" ON ")[0].replace(" ", "").lower()
        message = someone.denied(sql).lower()
        assert f"[{privilege}]" in message or (privilege == "usage" and "privileges for database" in message), message
        someone.grant(grant.replace("DB", someone.db))
    someone.client.run(sql)
    for cleaning in (f"DROP TASK IF EXISTS task_{someone.db}", f"DROP ROLE IF EXISTS role_of_{someone.db}", "UNSET GLOBAL max_threads"):
        someone.root.run(cleaning)


def test_a_database_is_made_by_who_may_and_belongs_to_his_role(someone: Someone) -> None:
    someone.grant("CREATE DATABASE ON *.*")
    name = f"own_{someone.db}"
    someone.client.run(f"CREATE DATABASE {name}")
    for sql in ("CREATE TABLE {0}.t (id INT)", "INSERT INTO {0}.t VALUES (1)", "CREATE STREAM {0}.s ON TABLE {0}.t", "SELECT * FROM {0}.s"):
        someone.client.run(sql.format(name))
    assert someone.root.value(f"SELECT owner FROM system.tables WHERE database = '{name}'") == someone.role
    assert someone.root.value(f"SELECT owner FROM system.streams WHERE database = '{name}'") == someone.role
    someone.client.run(f"DROP DATABASE {name}")


def test_what_a_role_makes_in_anothers_database_is_its_own(someone: Someone) -> None:
    someone.grant(f"CREATE ON {someone.db}.*")
    someone.client.run(f"CREATE TABLE {someone.db}.mine (id INT)")
    someone.client.run(f"CREATE STREAM {someone.db}.s ON TABLE {someone.db}.mine")
    someone.client.run(f"INSERT INTO {someone.db}.mine VALUES (1)")
    assert someone.client.run(f"SELECT id FROM {someone.db}.s") == [["1"]]
    assert "'t'" in someone.denied(f"SELECT * FROM {someone.db}.t")
    # A stream is dropped with DROP on its database (privilege_access.rs), whoever owns it.
    assert "[Drop]" in someone.denied(f"DROP STREAM {someone.db}.s")
    someone.client.run(f"DROP TABLE {someone.db}.mine")


def test_stages_are_made_with_super_and_read_with_read(someone: Someone) -> None:
    stage = f"st_{someone.db}"
    assert "[Super] is required on *.*" in someone.denied(f"CREATE STAGE {stage}")
    someone.root.run(f"CREATE STAGE {stage}")
    copy = f"COPY INTO {someone.db}.t FROM '@{stage}' FILE_FORMAT = (TYPE = PARQUET)"
    assert f"[Read] is required on STAGE {stage}" in someone.denied(copy)
    assert f"privilege READ is required on stage {stage} for user" in someone.denied(f"LIST @{stage}")
    assert someone.client.run(f"SELECT name FROM system.stages WHERE name = '{stage}'") == []
    someone.grant(f"READ ON STAGE {stage}")
    assert someone.client.run(f"SELECT name FROM system.stages WHERE name = '{stage}'") == [[stage]]
    assert "[Insert]" in someone.denied(copy)
    someone.grant(f"INSERT ON {someone.db}.t")
    someone.client.run(copy)
    someone.root.run(f"ALTER TABLE {someone.db}.t SET OPTIONS (enable_schema_evolution = true)")
    assert "[Alter]" in someone.denied(copy)
    assert f"[Write] is required on STAGE {stage}" in someone.denied(f"DROP STAGE {stage}")
    someone.root.run(f"DROP STAGE {stage}")


def test_lists_show_only_what_may_be_seen(someone: Someone) -> None:
    tables = f"SELECT name FROM system.tables WHERE database = '{someone.db}' ORDER BY name"
    columns = f"SELECT DISTINCT \"table\" FROM system.columns WHERE database = '{someone.db}' ORDER BY 1"
    databases = f"SELECT name FROM system.databases WHERE name = '{someone.db}'"
    assert someone.client.run(tables) == someone.client.run(columns) == someone.client.run(databases) == []
    assert [someone.db] not in someone.client.run("SHOW DATABASES")
    someone.grant(f"SELECT ON {someone.db}.t")
    assert someone.client.run(tables) == someone.client.run(columns) == [["t"]]
    assert someone.client.run(databases) == [[someone.db]]
    assert someone.client.run(f"SHOW TABLES FROM {someone.db}") == [["t"]]
    someone.root.run(f"REVOKE SELECT ON {someone.db}.t FROM ROLE {someone.role}")
    assert someone.client.run(tables) == []
    assert someone.root.run(tables) == [["other"], ["t"]]


def test_streams_are_seen_and_read_as_tables_are(someone: Someone) -> None:
    someone.root.run(f"CREATE STREAM {someone.db}.s ON TABLE {someone.db}.t")
    streams = f"SELECT name FROM system.streams WHERE database = '{someone.db}'"
    assert someone.client.run(streams) == []
    assert "'s'" in someone.denied(f"SELECT * FROM {someone.db}.s")
    someone.grant(f"SELECT ON {someone.db}.*")
    assert someone.client.run(streams) == [["s"]]
    someone.client.run(f"SELECT * FROM {someone.db}.s")


def test_roles_are_chosen_and_left_out(someone: Someone) -> None:
    second = f"second_{someone.db}"
    someone.root.run(f"CREATE ROLE {second}")
    someone.root.run(f"GRANT SELECT ON {someone.db}.* TO ROLE {second}")
    with pytest.raises(DatabendError) as error:
        someone.client.run(f"SET ROLE {second}")
    assert (error.value.code, error.value.message) == (
        2206, f"Invalid role {second} for current session, available: public,{someone.role}",
    )  # fmt: skip
    someone.root.run(f"GRANT ROLE {second} TO {someone.name}")
    someone.client.run(f"SELECT * FROM {someone.db}.t")
    someone.client.run("SET SECONDARY ROLES NONE")
    assert f"with roles [public,{someone.role}]" in someone.denied(f"SELECT * FROM {someone.db}.t")
    someone.client.run(f"SET ROLE {second}")
    someone.client.run(f"SELECT * FROM {someone.db}.t")
    assert someone.client.run("SELECT current_role(), current_user()") == [[second, f"'{someone.name}'@'%'"]]
    # The session document carries the role to the next request, and to another server.
    assert someone.client.state["role"] == second
    again = Client(someone.server.port, user=someone.name, password=SECRET, state={"database": "default", "role": second})
    assert again.value("SELECT current_role()") == second
    someone.client.run(f"SET DEFAULT ROLE {second}")
    assert someone.connect().value("SELECT current_role()") == second
    someone.root.run(f"DROP ROLE {second}")


def test_show_grants_is_about_oneself(someone: Someone) -> None:
    someone.grant(f"SELECT ON {someone.db}.t")
    grants = [row[-1] for row in someone.client.run("SHOW GRANTS")]
    assert grants == [f"GRANT SELECT ON 'default'.'{someone.db}'.'t' TO '{someone.name}'@'%'"]


def test_tasks_run_with_the_privileges_of_their_owners_role(someone: Someone) -> None:
    task = f"owned_{someone.db}"
    someone.grant("SUPER ON *.*")
    someone.grant("SELECT ON system.tasks")
    someone.client.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS INSERT INTO {someone.db}.t VALUES (1, 1)")
    assert someone.root.value(f"SELECT owner FROM system.tasks WHERE name = '{task}'") == someone.role
    someone.client.run(f"EXECUTE TASK {task}")
    history = f"SELECT state, exception_code, exception_text FROM system.task_history WHERE name = '{task}' AND state IN ('SUCCEEDED', 'FAILED')"
    [[state, code, text]] = wait_until(lambda: someone.root.run(history), "the run of the task")
    assert (state, code) == ("FAILED", "1063") and f"[Insert] is required on 'default'.'{someone.db}'.'t'" in (text or "")
    someone.grant(f"INSERT ON {someone.db}.t")
    someone.client.run(f"EXECUTE TASK {task}")
    wait_until(lambda: someone.root.run(history + " AND state = 'SUCCEEDED'"), "the run with the grant")
    someone.root.run(f"DROP TASK {task}")


def test_another_roles_tasks_are_not_shown(someone: Someone) -> None:
    task = f"roots_{someone.db}"
    someone.root.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS SELECT 1")
    someone.grant("SELECT ON system.tasks")
    assert someone.client.run(f"SELECT name FROM system.tasks WHERE name = '{task}'") == []
    assert someone.root.run(f"SELECT name FROM system.tasks WHERE name = '{task}'") == [[task]]
    someone.root.run(f"DROP TASK {task}")


def test_an_unknown_table_is_unknown_and_not_denied(someone: Someone) -> None:
    assert someone.client.code(f"SELECT * FROM {someone.db}.nothing") == 1025
    someone.client.run(f"DROP TABLE IF EXISTS {someone.db}.nothing")


def test_account_admin_may_everything(someone: Someone) -> None:
    someone.root.run(f"GRANT ROLE account_admin TO {someone.name}")
    someone.client.run("SET ROLE account_admin")
    someone.client.run(f"CREATE TABLE {someone.db}.of_admin (id INT)")
    someone.client.run(f"SELECT * FROM {someone.db}.t")
    assert someone.client.run(f"SELECT name FROM system.tables WHERE database = '{someone.db}' AND name = 'other'") == [["other"]]


def test_users_and_grants_are_there_after_a_restart(data: Path) -> None:
    first = Server(data)
    root = Client(first.port)
    for sql in (
        "CREATE ROLE kept", "CREATE USER keeper IDENTIFIED BY 'kept-secret' WITH DEFAULT_ROLE = 'kept'", "GRANT ROLE kept TO keeper",
        "CREATE DATABASE k", "CREATE TABLE k.t (id INT)", "GRANT SELECT ON k.t TO ROLE kept",
    ):  # fmt: skip
        root.run(sql)
    first.stop()
    second = Server(data)
    keeper = Client(second.port, user="keeper", password="kept-secret")
    assert keeper.run("SELECT * FROM k.t") == []
    assert keeper.code("INSERT INTO k.t VALUES (1)") == 1063
    second.stop()
