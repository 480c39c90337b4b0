//! What our own database tells: changes that have begun, how complete raw tables are, leases that are held.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use pipeline::sql::{intents, own as sql};
use serde::{Deserialize, Serialize};

use super::TableInfo;
use crate::{Row, Warehouse, WarehouseError, code};

/// How long a writer counts as alive after its last row.
pub const WRITER_TIME_TO_LIVE: Duration = Duration::from_secs(30);

/// Database, name and id of a raw table.
type RawId = (String, String, String);

/// The latest rows of our own database. Empty where the database does not exist yet.
#[derive(Debug, Default)]
pub struct Own {
    /// By subject, the change that began last.
    intents: HashMap<String, Intent>,
    /// By subject, the tokens of all changes, the earliest first.
    tokens: HashMap<String, Vec<String>>,
    /// Raw tables whose creation is recorded and which no clean-up has touched since: by database, name and id.
    complete: BTreeSet<RawId>,
    /// Raw tables whose creation is recorded.
    recorded: BTreeSet<RawId>,
    /// Raw tables whose ODS table was created empty, since they could not fill it.
    emptied: BTreeSet<RawId>,
    leases: Vec<Held>,
    /// By table at the source, what DDL has changed there and nothing has settled.
    unsettled: HashMap<String, String>,
}

/// A change that has begun, and that nobody has forgotten since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// What is changed.
    pub subject: String,
    /// Names the change.
    pub token: String,
    /// `create`, `update` or `destroy`.
    pub operation: String,
    /// Fingerprint of what the subject is to become.
    pub description: String,
    /// What has to be finished if the writer does not.
    pub unfinished: Unfinished,
    /// The process that makes the change.
    pub writer: String,
    /// When it began, by Databend's clock.
    pub at: DateTime<Utc>,
    /// The writer's latest row.
    pub last_seen: DateTime<Utc>,
    /// Whether the writer may still be at work: it has not said that it ended, and its latest row is younger than
    /// [`WRITER_TIME_TO_LIVE`].
    pub is_held: bool,
}

/// What has to be finished after an apply that was interrupted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// Every task that the change may touch, by its names before and after, and whether it ran or has to run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<String, bool>,
    /// ODS tables into which everything that raw keeps has to be merged.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub merge: BTreeSet<String>,
    /// The raw table is made by this change, beside no ODS table that exists, so it is complete.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_raw: bool,
}

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The raw table that it is on: `raw.orders`.
    pub table: String,
    /// Who holds it.
    pub holder: String,
    /// Since when, by Databend's clock.
    pub since: DateTime<Utc>,
}

impl Intent {
    /// The writer without what makes its name unique.
    pub fn who(&self) -> &str {
        self.writer.rsplit_once(' ').map_or(self.writer.as_str(), |(who, _)| who)
    }
}

impl Own {
    /// The change of a subject that began last and that a state with this token does not tell of.
    pub fn open(&self, subject: &str, token: Option<&str>) -> Option<&Intent> {
        self.intents.get(subject).filter(|intent| Some(intent.token.as_str()) != token)
    }

    /// Every subject's latest change, in no order.
    pub fn intents(&self) -> impl Iterator<Item = &Intent> {
        self.intents.values()
    }

    /// The tokens of a subject's changes up to the one with this token: a state that carries it tells of all of them.
    pub fn told_by(&self, subject: &str, token: &str) -> &[String] {
        let tokens = self.tokens.get(subject).map_or(&[][..], Vec::as_slice);
        tokens.iter().position(|known| known == token).map_or(&[], |last| &tokens[..=last])
    }

    /// Whether a raw table is known to have every change that was ever written to it.
    pub fn is_complete(&self, raw: &TableInfo) -> bool {
        self.complete.contains(&raw_id(raw))
    }

    /// Whether the creation of a raw table is recorded, whatever clean-up did since.
    pub fn is_recorded(&self, raw: &TableInfo) -> bool {
        self.recorded.contains(&raw_id(raw))
    }

    /// Whether the ODS table beside a raw table was created empty, because raw could not fill it, and waits for the table
    /// to be loaded again.
    pub fn awaits_load(&self, raw: &TableInfo) -> bool {
        self.emptied.contains(&raw_id(raw))
    }

    /// What the runbook has seen that DDL changed of a table at the source, `schema.table`, if nothing has settled it since.
    pub fn unsettled(&self, source: &str) -> Option<&str> {
        self.unsettled.get(source).map(String::as_str)
    }

    /// The leases that are held.
    pub fn leases(&self) -> &[Held] {
        &self.leases
    }
}

/// Reads it. A database that does not exist yet, or has no such table, is empty.
pub(crate) async fn read(warehouse: &Warehouse) -> Result<Own, WarehouseError> {
    from_statement(warehouse, &sql::read()).await
}

/// Reads what it tells of changes of these subjects, and of leases.
pub(crate) async fn read_of(warehouse: &Warehouse, subjects: &[String]) -> Result<Own, WarehouseError> {
    from_statement(warehouse, &sql::read_of(subjects)).await
}

async fn from_statement(warehouse: &Warehouse, statement: &str) -> Result<Own, WarehouseError> {
    let rows = match warehouse.query(statement).await {
        Ok(rows) => rows,
        Err(error) if matches!(error.code(), Some(code::UNKNOWN_DATABASE | code::UNKNOWN_TABLE)) => {
            return Ok(Own::default());
        }
        Err(error) => return Err(error),
    };
    let rows = rows.iter().map(OwnRow::read).collect::<Result<Vec<_>, _>>()?;
    Ok(Own::from_rows(rows))
}

struct OwnRow {
    kind: String,
    name: String,
    token: String,
    event: String,
    operation: String,
    description: String,
    detail: String,
    writer: String,
    at: DateTime<Utc>,
    format: u64,
    now: DateTime<Utc>,
}

impl OwnRow {
    fn read(row: &Row) -> Result<Self, WarehouseError> {
        Ok(Self {
            kind: row.get("kind")?,
            name: row.get("name")?,
            token: row.get("token")?,
            event: row.get("event")?,
            operation: row.get("operation")?,
            description: row.get("description")?,
            detail: row.get("detail")?,
            writer: row.get("writer")?,
            at: row.get("at")?,
            format: row.get("format")?,
            now: row.get("server_now")?,
        })
    }
}

impl Own {
    fn from_rows(rows: Vec<OwnRow>) -> Self {
        let mut own = Self::default();
        let mut seen: HashMap<String, DateTime<Utc>> = HashMap::new();
        let mut ended = BTreeSet::new();
        let mut begun = Vec::new();
        let mut horizons = Vec::new();
        let (mut ddl, mut settled) = (Vec::new(), HashMap::new());
        for row in rows {
            if row.format > u64::from(sql::FORMAT) {
                tracing::warn!(
                    kind = row.kind,
                    format = row.format,
                    "a row of databend_cdc was written by a later version and is not understood"
                );
                continue;
            }
            match row.kind.as_str() {
                "intent" => {
                    let last = seen.entry(row.writer.clone()).or_insert(row.at);
                    *last = (*last).max(row.at);
                    match row.event.as_str() {
                        intents::ENDED => drop(ended.insert(row.writer)),
                        intents::BEGIN => begun.push(row),
                        _ => {}
                    }
                }
                "horizon" => horizons.push(row),
                "ddl" => ddl.push(row),
                "settled" => drop(settled.insert(row.name, row.at)),
                _ => own.leases.push(Held { table: row.name, holder: row.writer, since: row.at }),
            }
        }
        begun.sort_by_key(|row| row.at);
        for row in begun {
            own.tokens.entry(row.name.clone()).or_default().push(row.token.clone());
            let last_seen = seen.get(&row.writer).copied().unwrap_or(row.at);
            let silent = (row.now - last_seen).to_std().unwrap_or_default();
            let intent = Intent {
                is_held: !ended.contains(&row.writer) && silent < WRITER_TIME_TO_LIVE,
                unfinished: serde_json::from_str(&row.detail).unwrap_or_else(|error| {
                    tracing::warn!(%error, subject = row.name, "the detail of an intent cannot be read");
                    Unfinished::default()
                }),
                subject: row.name,
                token: row.token,
                operation: row.operation,
                description: row.description,
                writer: row.writer,
                at: row.at,
                last_seen,
            };
            own.intents.insert(intent.subject.clone(), intent);
        }
        ddl.sort_by_key(|row| row.at);
        for row in ddl {
            if settled.get(&row.name).is_none_or(|settled| *settled < row.at) {
                let detail: serde_json::Value = serde_json::from_str(&row.detail).unwrap_or_default();
                let text = detail["error"].as_str().unwrap_or("its definition has changed").to_owned();
                own.unsettled.insert(row.name, text);
            }
        }
        own.complete = complete(&horizons);
        own.recorded = created(&horizons).map(horizon_id).collect();
        let emptied = horizons.iter().filter(|row| row.operation == "empty");
        own.emptied = emptied.map(horizon_id).collect();
        own
    }
}

fn raw_id(raw: &TableInfo) -> RawId {
    (raw.database.clone(), raw.name.clone(), raw.id.to_string())
}

fn created(horizons: &[OwnRow]) -> impl Iterator<Item = &OwnRow> {
    horizons.iter().filter(|row| row.operation == "create")
}

fn horizon_id(row: &OwnRow) -> RawId {
    (row.name.clone(), row.token.clone(), row.description.clone())
}

/// Created, and not cleaned up since.
fn complete(horizons: &[OwnRow]) -> BTreeSet<RawId> {
    let of = |row: &OwnRow| (row.name.clone(), row.token.clone());
    let cleaned: HashMap<(String, String), DateTime<Utc>> =
        horizons.iter().filter(|row| row.operation == "cleanup").map(|row| (of(row), row.at)).collect();
    created(horizons)
        .filter(|row| cleaned.get(&of(row)).is_none_or(|cleaned| *cleaned < row.at))
        .map(horizon_id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn row(kind: &str, name: &str, token: &str, event: &str, second: i64) -> OwnRow {
        OwnRow {
            kind: kind.into(),
            name: name.into(),
            token: token.into(),
            event: event.into(),
            operation: "update".into(),
            description: String::new(),
            detail: r#"{"tasks":{"a":true}}"#.into(),
            writer: "w".into(),
            at: at(second),
            format: 1,
            now: at(100),
        }
    }

    #[test]
    fn what_ddl_has_changed_is_open_until_something_settles_it() {
        let ddl = |name: &str, second, error: &str| OwnRow {
            detail: format!(r#"{{"error":"{error}"}}"#),
            ..row("ddl", name, "", "", second)
        };
        let own = Own::from_rows(vec![
            ddl("shop.a", 20, "later"),
            ddl("shop.a", 10, "earlier"),
            ddl("shop.b", 10, "seen"),
            row("settled", "shop.b", "", "", 15),
            row("settled", "shop.a", "", "", 5),
        ]);
        assert_eq!(own.unsettled("shop.a"), Some("later"));
        assert_eq!(own.unsettled("shop.b"), None);
    }

    #[test]
    fn the_latest_change_of_a_subject_is_open_until_a_state_has_its_token() {
        let own = Own::from_rows(vec![
            row("intent", "chain a", "t2", "begin", 20),
            row("intent", "chain a", "t1", "begin", 10),
        ]);
        assert_eq!(own.open("chain a", None).unwrap().token, "t2");
        assert_eq!(own.open("chain a", Some("t1")).unwrap().token, "t2");
        assert_eq!(own.open("chain a", Some("t2")), None);
        assert_eq!(own.open("chain b", None), None);
        assert_eq!(own.told_by("chain a", "t2"), ["t1", "t2"]);
        assert_eq!(own.told_by("chain a", "t1"), ["t1"]);
        assert!(own.told_by("chain a", "t3").is_empty());
        assert!(own.open("chain a", None).unwrap().unfinished.tasks["a"]);
    }

    #[test]
    fn a_change_is_held_while_its_writer_sends_heartbeats_and_has_not_ended() {
        let held = |rows| Own::from_rows(rows).open("chain a", None).unwrap().is_held;
        let begin = |second| row("intent", "chain a", "t", "begin", second);
        assert!(held(vec![begin(80)]));
        assert!(!held(vec![begin(60)]));
        assert!(held(vec![begin(10), row("intent", "", "", "heartbeat", 95)]));
        assert!(!held(vec![begin(95), row("intent", "", "", "ended", 96)]));
    }

    #[test]
    fn a_later_format_is_passed_over() {
        let mut later = row("intent", "chain a", "t", "begin", 80);
        later.format = 2;
        assert_eq!(Own::from_rows(vec![later]).open("chain a", None), None);
    }

    #[test]
    fn a_raw_table_is_complete_until_a_cleanup_after_its_creation() {
        let horizon = |operation: &str, id: &str, second| OwnRow {
            operation: operation.into(),
            description: id.into(),
            ..row("horizon", "raw", "orders", "", second)
        };
        let raw =
            |id| TableInfo { database: "raw".into(), name: "orders".into(), id, ..TableInfo::default() };
        let created = Own::from_rows(vec![horizon("create", "7", 10)]);
        assert!(created.is_complete(&raw(7)));
        assert!(!created.is_complete(&raw(8)), "another table of this name");
        let cleaned = Own::from_rows(vec![horizon("create", "7", 10), horizon("cleanup", "0", 20)]);
        assert!(!cleaned.is_complete(&raw(7)));
        let again = Own::from_rows(vec![horizon("create", "9", 30), horizon("cleanup", "0", 20)]);
        assert!(again.is_complete(&raw(9)));
        let emptied = Own::from_rows(vec![horizon("create", "7", 10), horizon("empty", "7", 20)]);
        assert!(emptied.awaits_load(&raw(7)) && !emptied.awaits_load(&raw(8)));
    }
}
