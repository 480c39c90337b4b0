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
mod tests;
