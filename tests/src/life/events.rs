//! What happens in a life.

use super::model::{Born, ByHand, Change, Ddl, Event, Verb};
use super::play::Living;
use super::source::{SourceTable, refuses};
use crate::Error;
use crate::history::Failure;

/// A duplicate key: the transaction continues without that statement.
const DUPLICATE_KEY: u16 = 1062;

impl Living {
    pub(super) async fn happen(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::Commit(changes) => self.commit(changes, &[]).await?,
            Event::Unseen(changes) => {
                self.commit(changes, &["SET sql_log_bin = 0"]).await?;
                self.story.faults += 1;
            }
            Event::Ddl { table, ddl } => self.alter(*table, *ddl).await?,
            Event::Deliver => self.deliver().await?,
            Event::Status => self.obey_status().await?,
            Event::Follow => self.follow().await?,
            Event::Restart => {
                if self.dms_runs().await? {
                    self.world.dms.stop().await?;
                    self.world.dms.start("resume-processing").await?;
                }
            }
            Event::ReplaceDms(changes) => self.replace_dms(changes).await?,
            Event::Corrupt { can_be_put_right } => self.corrupt(*can_be_put_right).await?,
            Event::Verb(verb) => self.verb(*verb).await?,
            Event::ByHand(by_hand) => self.by_hand(*by_hand).await?,
            Event::AddTable(born) => self.add_table(born).await?,
            Event::RemoveTable { table } => {
                if let Some(name) = self.declared(*table) {
                    self.remove_table(&name).await?;
                }
            }
            Event::RenameChain => {
                self.world.chain = format!("{}_{}", self.world.name, self.told.len());
                self.world.declare();
                self.world.terraform.apply(&[]).await?;
            }
        }
        Ok(())
    }

    async fn commit(&mut self, changes: &[Change], before: &[&str]) -> Result<(), Failure> {
        let mut statements: Vec<String> = before.iter().map(|&sql| sql.to_owned()).collect();
        statements.push("BEGIN".to_owned());
        for change in changes {
            let table = &self.tables[usize::from(change.table()) % self.tables.len()];
            let statement = if table.is_gone { None } else { table.change(change) };
            statements.extend(statement.map(|sql| self.world.named(&sql)));
        }
        statements.push("COMMIT".to_owned());
        if !before.is_empty() {
            statements.push("SET sql_log_bin = 1".to_owned());
        }
        self.world.mysql.session_but(&statements, DUPLICATE_KEY).await?;
        self.story.transactions += 1;
        Ok(())
    }

    /// DDL, as far as the table has something for it and the source takes it.
    async fn alter(&mut self, number: u8, ddl: Ddl) -> Result<(), Failure> {
        let number = usize::from(number) % self.tables.len();
        let table = &self.tables[number];
        if table.is_gone || (ddl.removes_table() && self.world.tables.len() < 2) {
            return Ok(());
        }
        let Some(altered) = table.ddl(ddl) else { return Ok(()) };
        for (place, statement) in altered.statements.iter().enumerate() {
            match self.world.mysql.exec(&self.world.named(statement)).await {
                Ok(()) => {}
                Err(error) if place == 0 && refuses(&error) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.story.faults += 1;
        let name = table.name.clone();
        self.unfollowed.extend(altered.follows.into_iter().map(|one| (name.clone(), one)));
        self.tables[number] = altered.after;
        Ok(())
    }

    /// Whether the DMS task runs.
    pub(super) async fn dms_runs(&self) -> Result<bool, Error> {
        Ok(self.world.dms.describe().await?["Status"] == "running")
    }

    /// The name of a table that the configuration has; none if it has no other.
    fn declared(&self, number: u8) -> Option<String> {
        let tables = &self.world.tables;
        (tables.len() > 1).then(|| tables[usize::from(number) % tables.len()].name.clone())
    }

    /// The name of a table that the configuration has.
    fn one(&self, number: u8) -> String {
        let tables = &self.world.tables;
        tables[usize::from(number) % tables.len()].name.clone()
    }

    /// The configuration follows what is known of the source, as a user would do it who changed the source. What Terraform refuses is
    /// taken back.
    async fn follow(&mut self) -> Result<(), Failure> {
        let unfollowed = std::mem::take(&mut self.unfollowed);
        if unfollowed.is_empty() {
            return Ok(());
        }
        if let Err(refused) = self.declare_and_apply(&unfollowed).await? {
            self.told.push(format!("  taken back: {refused}"));
        }
        Ok(())
    }

    /// Takes a table out of the configuration.
    pub(super) async fn remove_table(&mut self, name: &str) -> Result<(), Failure> {
        self.world.tables.retain(|table| table.name != name);
        self.world.declare();
        self.world.terraform.apply(&[]).await?;
        Ok(())
    }

    async fn replace_dms(&mut self, changes: &[Change]) -> Result<(), Failure> {
        if self.dms_runs().await? {
            self.world.dms.stop().await?;
        }
        self.commit(changes, &[]).await?;
        let name = format!("{}-{}", self.world.name.replace('_', "-"), self.former.len());
        let tables: Vec<_> =
            self.world.tables.iter().map(|table| (self.world.name.clone(), table.name.clone())).collect();
        let new = self.world.site.task(&name, &tables).await?;
        self.former.push(self.world.dms.clone());
        self.world.feed_from(new).await;
        self.story.faults += 1;
        Ok(())
    }

    async fn add_table(&mut self, born: &Born) -> Result<(), Failure> {
        // A task that has never run has nothing to be added to.
        if !self.dms_runs().await? {
            return Ok(());
        }
        let number = self.tables.len();
        let table = SourceTable::new(number, born);
        let rows = table.fill(born.rows);
        let rows: Vec<_> = rows.iter().map(String::as_str).collect();
        self.world.add_table(table.declared().numbered(number), &rows, number.is_multiple_of(2)).await;
        self.tables.push(table);
        Ok(())
    }

    /// Cuts the oldest file of changes off.
    async fn corrupt(&mut self, can_be_put_right: bool) -> Result<(), Failure> {
        let folder = format!("{}/", self.world.name);
        let files = self.aws.keys_under(&self.world.dms.bucket, &folder).await?;
        let Some(file) = files.into_iter().find(|file| !file.contains("/LOAD")) else { return Ok(()) };
        let Ok(content) = self.aws.get(&self.world.dms.bucket, &file).await else { return Ok(()) };
        self.aws.put(&self.world.dms.bucket, &file, &content[..content.len().saturating_sub(9)]).await?;
        self.cut_off.push((file, can_be_put_right.then_some(content)));
        self.story.faults += 1;
        Ok(())
    }

    /// It may refuse, and it may fail; it must not crash.
    async fn verb(&mut self, verb: Verb) -> Result<(), Failure> {
        let table = |number| format!("{}.{}", self.world.name, self.one(number));
        let words: Vec<String> = match verb {
            Verb::Cutover => vec!["cutover".into()],
            Verb::Reload { table: number } => vec!["reload".into(), "--table".into(), table(number)],
            Verb::ReloadAll => vec!["reload".into(), "--all-of-task".into()],
            Verb::Replay { table: number } => vec!["replay".into(), "--table".into(), table(number)],
            Verb::Repair => vec!["verify".into(), "--repair".into()],
            Verb::Unblock => vec!["unblock".into()],
            Verb::Suspend => vec!["suspend".into()],
            Verb::Resume => vec!["resume".into()],
        };
        if matches!(verb, Verb::Reload { .. } | Verb::ReloadAll) {
            self.story.reloads += 1;
        }
        self.run(&words).await.map(drop)
    }

    async fn by_hand(&mut self, by_hand: ByHand) -> Result<(), Failure> {
        let (chain, name) = (&self.world.chain, &self.world.name);
        let task = |role: &str, number| format!("{chain}_{role}_{name}_ods_{}", self.one(number));
        let statements = match by_hand {
            ByHand::SuspendLoad { table } => vec![format!("ALTER TASK {} SUSPEND", task("load", table))],
            ByHand::SuspendMerge { table } => vec![format!("ALTER TASK {} SUSPEND", task("merge", table))],
            ByHand::DropMerge { table } => vec![
                format!("ALTER TASK {} SUSPEND", task("load", table)),
                format!("DROP TASK {}", task("merge", table)),
            ],
            ByHand::DropStream { table } => {
                vec![format!("DROP STREAM {name}_raw.stream_{}", self.one(table))]
            }
            ByHand::DropOds { table } => vec![format!("DROP TABLE {name}_ods.{}", self.one(table))],
            ByHand::Damage { table } => vec![
                format!("UPDATE {name}_ods.{} SET is_deleted = NOT is_deleted WHERE id < 3", self.one(table)),
                format!("DELETE FROM {name}_ods.{} WHERE id = 4", self.one(table)),
            ],
            ByHand::CleanUp => {
                for table in &self.world.tables {
                    // It may have been dropped.
                    drop(self.world.run_task(&format!("{chain}_cleanup_{name}_ods_{}", table.name)).await);
                }
                return Ok(());
            }
        };
        for statement in statements {
            // What it names may be gone already.
            drop(self.world.databend.exec(&statement).await);
        }
        self.story.faults += 1;
        Ok(())
    }
}
