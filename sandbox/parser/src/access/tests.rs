//! One statement of each kind, and what it asks for.

use crate::statement::describe;

/// The demands of a statement, as `Privilege on object`.
fn demands(sql: &str) -> Vec<String> {
    let described = describe(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    described
        .demands
        .iter()
        .map(|demand| {
            let value = serde_json::to_value(demand).unwrap();
            let name = [&value["database"], &value["name"]].into_iter().filter_map(|part| part.as_str());
            let name: Vec<_> = name.collect();
            let optional = if demand.if_exists { " if there" } else { "" };
            let on = value["on"].as_str().unwrap();
            format!("{} on {on} {}", demand.privilege, name.join(".")).trim_end().to_owned() + optional
        })
        .collect()
}

#[test]
fn a_query_asks_for_every_table_it_reads() {
    assert_eq!(demands("SELECT 1"), Vec::<String>::new());
    assert_eq!(
        demands("WITH c AS (SELECT * FROM a.b) SELECT * FROM c JOIN \"D\" ON 1 = 1"),
        ["Select on table a.b", "Select on table D"]
    );
    assert_eq!(demands("EXPLAIN SELECT * FROM a.b"), ["Select on table a.b"]);
    assert_eq!(demands("SELECT * FROM @st/x/ (PATTERN => '.*')"), ["Read on stage st"]);
    assert_eq!(demands("SELECT * FROM list_stage(location => '@st/x/')"), ["Read on stage_listing st"]);
    assert_eq!(demands("LIST @st/x/"), ["Read on stage_listing st"]);
    assert_eq!(demands("LIST @~"), Vec::<String>::new());
}

#[test]
fn writes_ask_for_their_target_and_only_inserts_for_what_they_read() {
    assert_eq!(demands("INSERT INTO a.t SELECT * FROM b.s"), ["Insert on table a.t", "Select on table b.s"]);
    assert_eq!(demands("INSERT OVERWRITE t VALUES (1)"), ["Insert on table t", "Delete on table t"]);
    assert_eq!(
        demands("REPLACE INTO t ON (id) SELECT * FROM s"),
        ["Insert on table t", "Delete on table t", "Select on table s"]
    );
    assert_eq!(
        demands("MERGE INTO a.t USING (SELECT * FROM b.s) AS x ON t.id = x.id WHEN MATCHED THEN DELETE"),
        ["Insert on table a.t", "Update on table a.t", "Delete on table a.t"]
    );
    assert_eq!(demands("UPDATE t SET a = 1 WHERE id IN (SELECT id FROM s)"), ["Update on table t"]);
    assert_eq!(demands("DELETE FROM t WHERE EXISTS (SELECT 1 FROM s)"), ["Delete on table t"]);
    assert_eq!(demands("TRUNCATE TABLE t"), ["Delete on table t"]);
}

#[test]
fn copy_asks_for_the_stage_the_table_and_for_its_evolution() {
    assert_eq!(
        demands("COPY INTO a.t FROM '@st/x/' FILE_FORMAT = (TYPE = PARQUET)"),
        ["Read on stage st", "Insert on table a.t", "Alter on evolving_table a.t"]
    );
    assert_eq!(
        demands("COPY INTO t FROM (SELECT $1 FROM @st) FILE_FORMAT = (TYPE = PARQUET)"),
        ["Read on stage st", "Insert on table t"]
    );
    assert_eq!(
        demands("COPY INTO @st FROM a.t FILE_FORMAT = (TYPE = PARQUET)"),
        ["Write on stage st", "Select on table a.t"]
    );
}

#[test]
fn what_a_role_will_own_asks_for_the_current_role() {
    assert_eq!(demands("CREATE DATABASE IF NOT EXISTS a"), ["CreateDatabase on global_of_role"]);
    assert_eq!(demands("CREATE TABLE a.t (id INT)"), ["Create on database_of_role a"]);
    assert_eq!(
        demands("CREATE TABLE a.t AS SELECT * FROM b.s"),
        ["Create on database_of_role a", "Select on table b.s"]
    );
    assert_eq!(demands("CREATE STREAM a.s ON TABLE b.t"), ["Create on database_of_role a"]);
    assert_eq!(demands("CREATE STAGE st"), ["Super on global_of_role"]);
}

#[test]
fn changes_and_drops() {
    assert_eq!(demands("ALTER TABLE a.t ADD COLUMN c INT"), ["Alter on table a.t"]);
    assert_eq!(
        demands("ALTER TABLE a.t RENAME TO u"),
        ["Alter on table a.t", "Drop on table a.t", "Create on database_of_role a"]
    );
    assert_eq!(demands("DROP TABLE IF EXISTS a.t"), ["Drop on table a.t if there"]);
    assert_eq!(demands("DROP STREAM IF EXISTS a.s"), ["Drop on database a if there"]);
    assert_eq!(demands("DROP DATABASE a"), ["Drop on database a"]);
    assert_eq!(
        demands("DROP STAGE IF EXISTS st"),
        ["Read on stage st if there", "Write on stage st if there"]
    );
    assert_eq!(demands("ALTER STAGE st SET COMMENT = 'x'"), ["Read on stage st", "Write on stage st"]);
    assert_eq!(demands("OPTIMIZE TABLE a.t COMPACT"), ["Super on table a.t"]);
    assert_eq!(demands("DESCRIBE TABLE a.t"), ["Select on table a.t"]);
    assert_eq!(demands("USE a"), ["Usage on something_in a"]);
    assert_eq!(demands("CREATE VIEW a.v AS SELECT * FROM b.t"), ["Select on table b.t"]);
}

#[test]
fn tasks_and_the_account_are_for_super_and_grant() {
    for sql in ["EXECUTE TASK x", "ALTER TASK x RESUME", "DROP TASK x", "SHOW TASKS", "KILL QUERY 'x'"] {
        assert_eq!(demands(sql), ["Super on global"], "{sql}");
    }
    assert_eq!(demands("SET GLOBAL timezone = 'UTC'"), ["Super on global"]);
    assert_eq!(demands("SET timezone = 'UTC'"), Vec::<String>::new());
    assert_eq!(demands("GRANT SELECT ON a.* TO ROLE r"), ["Grant on global"]);
    assert_eq!(demands("CREATE USER u IDENTIFIED BY 'x'"), ["CreateUser on global"]);
    assert_eq!(demands("SHOW GRANTS"), Vec::<String>::new());
    assert_eq!(demands("SET ROLE r"), Vec::<String>::new());
}
