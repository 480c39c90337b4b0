//! Which privileges a statement asks for.
//!
//! Source: Databend's `privilege_access.rs`, statement by statement; the privileges have the names that its messages give
//! them. Whether the user has them is the server's question.

use databend_common_ast::ast::{
    AlterDatabaseAction, AlterTableAction, CopyIntoTableSource, FileLocation, Identifier, PresignAction,
    PresignLocation, SetType, Statement, TableRef, TableReference,
};
use derive_visitor::{Drive, Visitor};
use serde::Serialize;

use crate::sites::{Sites, normalized};

/// One privilege on one object.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Demand {
    pub(crate) privilege: &'static str,
    #[serde(flatten)]
    pub(crate) object: Object,
    /// An object that is not there is nothing to be denied.
    pub(crate) if_exists: bool,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub(crate) enum Object {
    Global,
    /// Global as well, but other roles than the current one do not count: the current role will own what is made.
    GlobalOfRole,
    /// No name: the session's current one.
    Database {
        database: Option<String>,
    },
    /// For CREATE, where only the current role counts.
    DatabaseOfRole {
        database: Option<String>,
    },
    /// Any privilege on the database or on something in it: enough for USE and for lists.
    SomethingIn {
        database: Option<String>,
    },
    Table {
        database: Option<String>,
        name: String,
    },
    /// Only where COPY may add columns to the table.
    EvolvingTable {
        database: Option<String>,
        name: String,
    },
    Stage {
        name: String,
    },
    /// What the lists of files ask for, with a text of their own.
    StageListing {
        name: String,
    },
}

/// All that a statement asks for, in Databend's order.
pub(crate) fn demands(statement: &Statement, sites: &Sites) -> Vec<Demand> {
    let mut demands = Demands::default();
    demands.of(statement, sites);
    demands.0
}

#[derive(Default)]
struct Demands(Vec<Demand>);

impl Demands {
    #[allow(
        clippy::too_many_lines,
        clippy::match_same_arms,
        reason = "one arm per statement, as in its source"
    )]
    fn of(&mut self, statement: &Statement, sites: &Sites) {
        match statement {
            Statement::Query(_) => self.reads(statement, sites),
            Statement::Explain { query, .. } | Statement::ExplainAnalyze { query, .. } => {
                self.of(query, sites);
            }
            Statement::StatementWithSettings { stmt, .. } => self.of(stmt, sites),

            // Rows. What MERGE, UPDATE and DELETE read is not asked about: Databend looks at their target only.
            Statement::Insert(stmt) => {
                let privileges: &[_] = if stmt.overwrite { &["Insert", "Delete"] } else { &["Insert"] };
                self.table_ref(privileges, &stmt.table);
                self.reads(statement, sites);
            }
            Statement::InsertMultiTable(stmt) => {
                let privileges: &[_] = if stmt.overwrite { &["Insert", "Delete"] } else { &["Insert"] };
                let whens = stmt.when_clauses.iter().flat_map(|clause| &clause.into_clauses);
                let other = stmt.else_clause.iter().flat_map(|clause| &clause.into_clauses);
                for into in whens.chain(other).chain(&stmt.into_clauses) {
                    self.table(privileges, into.database.as_ref(), &into.table, false);
                }
                self.reads(statement, sites);
            }
            Statement::Replace(stmt) => {
                self.table(&["Insert", "Delete"], stmt.database.as_ref(), &stmt.table, false);
                self.reads(statement, sites);
            }
            Statement::MergeInto(stmt) => {
                let privileges = &["Insert", "Update", "Delete"];
                self.table(privileges, stmt.database.as_ref(), &stmt.table_ident, false);
            }
            Statement::Update(stmt) => self.table(&["Update"], stmt.database.as_ref(), &stmt.table, false),
            Statement::Delete(stmt) => self.table(&["Delete"], stmt.database.as_ref(), &stmt.table, false),
            Statement::CopyIntoTable(stmt) => {
                let (from, evolves) = match &stmt.src {
                    CopyIntoTableSource::Location(location) => (location, true),
                    CopyIntoTableSource::Query { from, .. } => (from, false),
                };
                self.location("Read", from);
                self.table(&["Insert"], stmt.database.as_ref(), &stmt.table, false);
                if evolves {
                    let (database, name) = (optional(stmt.database.as_ref()), normalized(&stmt.table));
                    self.push("Alter", Object::EvolvingTable { database, name }, false);
                }
                self.reads(statement, sites);
            }
            Statement::CopyIntoLocation(stmt) => {
                self.location("Write", &stmt.dst);
                self.reads(statement, sites);
            }

            // Databases
            Statement::CreateDatabase(_) => self.push("CreateDatabase", Object::GlobalOfRole, false),
            Statement::DropDatabase(stmt) => self.database("Drop", Some(&stmt.database), stmt.if_exists),
            Statement::AlterDatabase(stmt) => match stmt.action {
                AlterDatabaseAction::RenameDatabase { .. } => self.global("Alter"),
                _ => self.database("Alter", Some(&stmt.database), stmt.if_exists),
            },
            Statement::UndropDatabase(_) => self.global("Drop"),
            Statement::ShowCreateDatabase(stmt) => self.database("Select", Some(&stmt.database), false),
            Statement::UseDatabase { database } => self.something_in(Some(database)),
            Statement::ShowTables(stmt) => self.something_in(stmt.database.as_ref()),
            Statement::ShowStreams(stmt) => self.something_in(stmt.database.as_ref()),

            // Tables
            Statement::CreateTable(stmt) => {
                self.database_of_role("Create", stmt.database.as_ref());
                self.reads(statement, sites);
            }
            Statement::DropTable(stmt) => {
                self.table(&["Drop"], stmt.database.as_ref(), &stmt.table, stmt.if_exists);
            }
            Statement::UndropTable(stmt) => self.database("Drop", stmt.database.as_ref(), false),
            Statement::RenameTable(stmt) => {
                self.table(&["Alter", "Drop"], stmt.database.as_ref(), &stmt.table, stmt.if_exists);
                self.database_of_role("Create", stmt.new_database.as_ref());
            }
            Statement::AlterTable(stmt) => {
                if let TableReference::Table { table, .. } = &stmt.table_reference {
                    self.alter_table(table, &stmt.action, stmt.if_exists);
                }
            }
            Statement::TruncateTable(stmt) => {
                self.table(&["Delete"], stmt.database.as_ref(), &stmt.table, false);
            }
            Statement::OptimizeTable(stmt) => {
                self.table(&["Super"], stmt.database.as_ref(), &stmt.table, false);
            }
            Statement::VacuumTable(stmt) => {
                self.table(&["Super"], stmt.database.as_ref(), &stmt.table, false);
            }
            Statement::AnalyzeTable(stmt) => {
                self.table(&["Super"], stmt.database.as_ref(), &stmt.table, false);
            }
            Statement::DescribeTable(stmt) => {
                self.table(&["Select"], stmt.database.as_ref(), &stmt.table, false);
            }
            Statement::ShowCreateTable(stmt) => {
                self.table(&["Select"], stmt.database.as_ref(), &stmt.table, false);
            }
            Statement::ShowColumns(stmt) => self.something_in(stmt.database.as_ref()),

            // Views: making one asks for nothing but what it reads.
            Statement::CreateView(_) => self.reads(statement, sites),
            Statement::AlterView(stmt) => {
                self.database("Alter", stmt.database.as_ref(), false);
                self.reads(statement, sites);
            }
            Statement::DropView(stmt) => self.database("Drop", stmt.database.as_ref(), stmt.if_exists),
            Statement::DescribeView(stmt) => {
                self.table(&["Select"], stmt.database.as_ref(), &stmt.view, false);
            }

            // Streams
            Statement::CreateStream(stmt) => self.database_of_role("Create", stmt.database.as_ref()),
            Statement::DropStream(stmt) => self.database("Drop", stmt.database.as_ref(), stmt.if_exists),

            // Stages
            Statement::CreateStage(_) | Statement::CreateUDF(_) => {
                self.push("Super", Object::GlobalOfRole, false);
            }
            Statement::DropStage { stage_name, if_exists } => self.whole_stage(stage_name, *if_exists),
            Statement::AlterStage(stmt) => self.whole_stage(&stmt.stage_name, stmt.if_exists),
            Statement::RemoveStage { location, .. } => self.stage("Write", location, false),
            Statement::ListStage { location, .. } => self.listing(location),
            Statement::Presign(stmt) => {
                let PresignLocation::StageLocation(location) = &stmt.location;
                let upload = matches!(stmt.action, PresignAction::Upload);
                self.stage(if upload { "Write" } else { "Read" }, location, false);
            }

            // Users
            Statement::CreateUser(_) => self.global("CreateUser"),
            Statement::DropUser { .. } => self.global("DropUser"),
            Statement::CreateRole { .. } => self.global("CreateRole"),
            Statement::DropRole { .. } => self.global("DropRole"),
            Statement::Grant(_) | Statement::Revoke(_) => self.global("Grant"),
            // One's own password is the server's exception.
            Statement::AlterUser(_) | Statement::AlterRole(_) | Statement::AlterUDF(_) => {
                self.global("Alter");
            }

            Statement::SetStmt { settings } | Statement::UnSetStmt { settings } => {
                if matches!(settings.set_type, SetType::SettingsGlobal) {
                    self.global("Super");
                }
            }
            other if needs_super(other) => self.global("Super"),
            _ => {}
        }
    }

    fn alter_table(&mut self, table: &TableRef, action: &AlterTableAction, if_exists: bool) {
        match action {
            AlterTableAction::RenameTable { .. } => {
                self.table(&["Alter", "Drop"], table.database.as_ref(), &table.table, if_exists);
                self.database_of_role("Create", table.database.as_ref());
            }
            AlterTableAction::SwapWith { target_table } => {
                self.table(&["Ownership"], table.database.as_ref(), &table.table, if_exists);
                self.table(&["Ownership"], table.database.as_ref(), target_table, if_exists);
            }
            AlterTableAction::FlashbackTo { .. } => self.global("Alter"),
            AlterTableAction::RefreshTableCache => {}
            _ => self.table(&["Alter"], table.database.as_ref(), &table.table, if_exists),
        }
    }

    /// SELECT on every table that is read, and READ on every stage.
    fn reads(&mut self, statement: &Statement, sites: &Sites) {
        for site in &sites.tables {
            let (database, name) = (site.database.clone(), site.name.clone());
            self.push("Select", Object::Table { database, name }, false);
        }
        for site in sites.functions.iter().filter(|site| site.is_table && site.name == "list_stage") {
            let named = site.named_arguments.get("location").map(|text| text.trim_matches('\''));
            if let Some(location) = named.or(site.arguments.first().and_then(Option::as_deref)) {
                self.listing(location);
            }
        }
        let mut stages = StageReads::default();
        statement.drive(&mut stages);
        for location in stages.0 {
            self.stage("Read", &location, false);
        }
    }

    fn location(&mut self, privilege: &'static str, location: &FileLocation) {
        // A plain address is a stage that lives as long as its statement, and is not asked about.
        if let FileLocation::Stage(location) = location {
            self.stage(privilege, location, false);
        }
    }

    fn whole_stage(&mut self, name: &str, if_exists: bool) {
        self.stage("Read", name, if_exists);
        self.stage("Write", name, if_exists);
    }

    fn stage(&mut self, privilege: &'static str, location: &str, if_exists: bool) {
        if let Some(name) = stage_of(location) {
            self.push(privilege, Object::Stage { name }, if_exists);
        }
    }

    fn listing(&mut self, location: &str) {
        if let Some(name) = stage_of(location) {
            self.push("Read", Object::StageListing { name }, false);
        }
    }

    fn global(&mut self, privilege: &'static str) {
        self.push(privilege, Object::Global, false);
    }

    fn database(&mut self, privilege: &'static str, database: Option<&Identifier>, if_exists: bool) {
        self.push(privilege, Object::Database { database: optional(database) }, if_exists);
    }

    fn database_of_role(&mut self, privilege: &'static str, database: Option<&Identifier>) {
        self.push(privilege, Object::DatabaseOfRole { database: optional(database) }, false);
    }

    fn something_in(&mut self, database: Option<&Identifier>) {
        self.push("Usage", Object::SomethingIn { database: optional(database) }, false);
    }

    fn table_ref(&mut self, privileges: &[&'static str], table: &TableRef) {
        self.table(privileges, table.database.as_ref(), &table.table, false);
    }

    fn table(
        &mut self,
        privileges: &[&'static str],
        database: Option<&Identifier>,
        table: &Identifier,
        if_exists: bool,
    ) {
        for privilege in privileges {
            let object = Object::Table { database: optional(database), name: normalized(table) };
            self.push(privilege, object, if_exists);
        }
    }

    fn push(&mut self, privilege: &'static str, object: Object, if_exists: bool) {
        let demand = Demand { privilege, object, if_exists };
        if !self.0.contains(&demand) {
            self.0.push(demand);
        }
    }
}

/// Stages that a query selects from.
#[derive(Default, Visitor)]
#[visitor(TableReference(enter))]
struct StageReads(Vec<String>);

impl StageReads {
    fn enter_table_reference(&mut self, reference: &TableReference) {
        if let TableReference::Location { location: FileLocation::Stage(location), .. } = reference {
            self.0.push(location.clone());
        }
    }
}

/// The name in `@name/path`; a user's own stage `@~` is his.
fn stage_of(location: &str) -> Option<String> {
    let name = location.trim_start_matches('@').split('/').next().unwrap_or_default();
    (name != "~").then(|| name.to_owned())
}

fn optional(name: Option<&Identifier>) -> Option<String> {
    name.map(normalized)
}

/// Everything that Databend only lets through with SUPER; tasks among it ("need to build ownership info for task").
fn needs_super(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::CreateTask(_)
            | Statement::AlterTask(_)
            | Statement::ExecuteTask(_)
            | Statement::DescribeTask(_)
            | Statement::DropTask(_)
            | Statement::ShowTasks(_)
            | Statement::KillStmt { .. }
            | Statement::SetPriority { .. }
            | Statement::System(_)
            | Statement::VacuumDropTable(_)
            | Statement::VacuumTemporaryFiles(_)
            | Statement::VacuumVirtualColumn(_)
            | Statement::RefreshVirtualColumn(_)
            | Statement::CreateConnection(_)
            | Statement::DropConnection(_)
            | Statement::DescribeConnection(_)
            | Statement::CreateSequence(_)
            | Statement::DropSequence(_)
            | Statement::DescSequence { .. }
            | Statement::CreateDictionary(_)
            | Statement::DropDictionary(_)
            | Statement::ShowCreateDictionary(_)
            | Statement::RenameDictionary(_)
            | Statement::ShowCreateCatalog(_)
            | Statement::CreateCatalog(_)
            | Statement::DropCatalog(_)
            | Statement::UseCatalog { .. }
            | Statement::CreateFileFormat { .. }
            | Statement::DropFileFormat { .. }
            | Statement::ShowFileFormats
            | Statement::CreateTag(_)
            | Statement::DropTag(_)
            | Statement::ShowTags(_)
            | Statement::CreateNetworkPolicy(_)
            | Statement::AlterNetworkPolicy(_)
            | Statement::DropNetworkPolicy(_)
            | Statement::DescNetworkPolicy(_)
            | Statement::ShowNetworkPolicies
            | Statement::CreatePasswordPolicy(_)
            | Statement::AlterPasswordPolicy(_)
            | Statement::DropPasswordPolicy(_)
            | Statement::DescPasswordPolicy(_)
            | Statement::CreateIndex(_)
            | Statement::CreateNotification(_)
            | Statement::AlterNotification(_)
            | Statement::DropNotification(_)
            | Statement::DescribeNotification(_)
            | Statement::DescribeUser { .. }
            | Statement::CreateWorker(_)
            | Statement::AlterWorker(_)
            | Statement::DropWorker(_)
            | Statement::ShowWorkers(_)
            | Statement::ExecuteImmediate(_)
            | Statement::CreateProcedure(_)
            | Statement::DropProcedure(_)
            | Statement::DescProcedure(_)
            | Statement::CallProcedure(_)
    )
}

#[cfg(test)]
mod tests {
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
        assert_eq!(
            demands("INSERT INTO a.t SELECT * FROM b.s"),
            ["Insert on table a.t", "Select on table b.s"]
        );
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
}
