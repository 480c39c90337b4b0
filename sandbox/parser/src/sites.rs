//! Where a statement names tables and functions: byte ranges of its text.
//!
//! The server replaces some of these places (a stream by its base table's changes, `system.tasks` by what the sandbox
//! knows). It does so in the user's own text, not in a re-printed one, so that whatever else the statement says
//! reaches the engine as it was written.

use std::collections::{BTreeMap, HashSet};

use databend_common_ast::ast::{
    CTE, CopyIntoLocationSource, Expr, FunctionCall, Identifier, Literal, MutationSource, Statement,
    TableReference,
};
use databend_common_ast::parser::token::{Token, TokenKind};
use derive_visitor::{Drive, Visitor};
use serde::Serialize;

/// A table name where rows are read from; targets of writes are not among these.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct TableSite {
    /// First byte of the name.
    pub(crate) start: usize,
    /// One past the last byte of the name, of a `WITH CONSUME` behind it included.
    pub(crate) end: usize,
    pub(crate) catalog: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) name: String,
    pub(crate) alias: Alias,
    /// `WITH CONSUME`, or `WITH (consume = true)`.
    pub(crate) consume: bool,
    /// Has its own `AT` or `CHANGES`.
    pub(crate) temporal: bool,
}

/// Whether a place has an alias.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Alias {
    Given,
    Missing,
    /// `COPY INTO @stage FROM table` takes none.
    Forbidden,
}

impl Alias {
    fn of<T>(alias: Option<&T>) -> Self {
        if alias.is_some() { Self::Given } else { Self::Missing }
    }
}

/// A function called with literal arguments: a table function, or a scalar one.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct FunctionSite {
    pub(crate) start: usize,
    /// One past the closing parenthesis.
    pub(crate) end: usize,
    pub(crate) name: String,
    /// Text of each literal argument; `None` for anything that is not a literal.
    pub(crate) arguments: Vec<Option<String>>,
    /// The text of `name => expression` arguments, as written in the tree.
    pub(crate) named_arguments: BTreeMap<String, String>,
    pub(crate) alias: Alias,
    /// Stands where a table stands.
    pub(crate) is_table: bool,
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Sites {
    pub(crate) tables: Vec<TableSite>,
    pub(crate) functions: Vec<FunctionSite>,
}

/// Collects the sites of a statement, in the order of the text.
pub(crate) fn of(statement: &Statement, tokens: &[Token]) -> Sites {
    let mut names = CteNames::default();
    statement.drive(&mut names);
    let mut collector = Collector { tokens, ctes: names.0, sites: Sites::default() };
    statement.drive(&mut collector);
    let mut sites = collector.sites;
    sites.tables.sort_by_key(|site| site.start);
    sites.functions.sort_by_key(|site| site.start);
    // A tree may hold one place twice (a span shared by what a rule expands to).
    sites.tables.dedup_by_key(|site| site.start);
    sites.functions.dedup_by_key(|site| site.start);
    sites
}

/// Unquoted names fold to lower case, quoted ones are taken as they are (docs/facts/databend.md, "Names and schema").
pub(crate) fn normalized(identifier: &Identifier) -> String {
    if identifier.is_quoted() { identifier.name.clone() } else { identifier.name.to_lowercase() }
}

#[derive(Default, Visitor)]
#[visitor(CTE(enter))]
struct CteNames(HashSet<String>);

impl CteNames {
    fn enter_cte(&mut self, cte: &CTE) {
        self.0.insert(normalized(&cte.alias.name));
    }
}

#[derive(Visitor)]
#[visitor(TableReference(enter), MutationSource(enter), CopyIntoLocationSource(enter), Expr(enter))]
struct Collector<'a> {
    tokens: &'a [Token<'a>],
    ctes: HashSet<String>,
    sites: Sites,
}

impl Collector<'_> {
    fn enter_table_reference(&mut self, reference: &TableReference) {
        match reference {
            TableReference::Table { table, alias, temporal, with_options, .. } => {
                let options = with_options.as_ref().map(|options| &options.options);
                self.table(
                    [table.catalog.as_ref(), table.database.as_ref()],
                    &table.table,
                    Alias::of(alias.as_ref()),
                    options,
                    temporal.is_some(),
                );
            }
            TableReference::TableFunction { name, params, named_params, alias, .. } => {
                let named =
                    named_params.iter().map(|(name, value)| (normalized(name), value.to_string())).collect();
                self.function(name, params, named, Alias::of(alias.as_ref()), true);
            }
            _ => {}
        }
    }

    fn enter_mutation_source(&mut self, source: &MutationSource) {
        if let MutationSource::Table { catalog, database, table, alias, with_options } = source {
            let options = with_options.as_ref().map(|options| &options.options);
            self.table(
                [catalog.as_ref(), database.as_ref()],
                table,
                Alias::of(alias.as_ref()),
                options,
                false,
            );
        }
    }

    fn enter_copy_into_location_source(&mut self, source: &CopyIntoLocationSource) {
        if let CopyIntoLocationSource::Table { catalog, database, table, with_options } = source {
            let options = with_options.as_ref().map(|options| &options.options);
            self.table([catalog.as_ref(), database.as_ref()], table, Alias::Forbidden, options, false);
        }
    }

    fn enter_expr(&mut self, expr: &Expr) {
        if let Expr::FunctionCall { func: FunctionCall { name, args, .. }, .. } = expr {
            self.function(name, args, BTreeMap::new(), Alias::Forbidden, false);
        }
    }

    fn table(
        &mut self,
        [catalog, database]: [Option<&Identifier>; 2],
        table: &Identifier,
        alias: Alias,
        options: Option<&BTreeMap<String, String>>,
        temporal: bool,
    ) {
        let name = normalized(table);
        // A name without a database that a WITH clause defines is that, whatever else has the name.
        if database.is_none() && self.ctes.contains(&name) {
            return;
        }
        let first = catalog.or(database).unwrap_or(table);
        let (Some(first), Some(last)) = (first.span, table.span) else { return };
        let consume = options
            .and_then(|options| options.get("consume"))
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let end = if options.is_some() { self.end_of_with(last.end()) } else { last.end() };
        self.sites.tables.push(TableSite {
            start: first.start(),
            end,
            catalog: catalog.map(normalized),
            database: database.map(normalized),
            name,
            alias,
            consume,
            temporal,
        });
    }

    fn function(
        &mut self,
        name: &Identifier,
        arguments: &[Expr],
        named_arguments: BTreeMap<String, String>,
        alias: Alias,
        is_table: bool,
    ) {
        let Some(span) = name.span else { return };
        let Some(end) = self.end_of_parentheses(span.end()) else { return };
        self.sites.functions.push(FunctionSite {
            start: span.start(),
            end,
            name: name.name.to_lowercase(),
            arguments: arguments.iter().map(literal_text).collect(),
            named_arguments,
            alias,
            is_table,
        });
    }

    /// The end of `WITH CONSUME` or `WITH (…)` that begins right behind byte `from`.
    fn end_of_with(&self, from: usize) -> usize {
        let mut behind = self.tokens.iter().filter(|token| token.span.start() >= from);
        match (behind.next(), behind.next()) {
            (Some(with), Some(next)) if with.kind == TokenKind::WITH => {
                if next.kind == TokenKind::LParen {
                    self.end_of_parentheses(with.span.end()).unwrap_or(from)
                } else {
                    next.span.end()
                }
            }
            _ => from,
        }
    }

    /// The end of the parenthesised part whose `(` is the first token behind byte `from`.
    fn end_of_parentheses(&self, from: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for token in self.tokens.iter().filter(|token| token.span.start() >= from) {
            match token.kind {
                TokenKind::LParen => depth += 1,
                TokenKind::RParen if depth == 1 => return Some(token.span.end()),
                TokenKind::RParen => depth -= 1,
                _ if depth == 0 => return None,
                _ => {}
            }
        }
        None
    }
}

fn literal_text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal { value: Literal::String(text), .. } => Some(text.clone()),
        Expr::Literal { value, .. } => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Alias;
    use crate::statement::describe;

    /// The texts of the table sites of a statement.
    fn tables(sql: &str) -> Vec<&str> {
        describe(sql).unwrap().sites.tables.iter().map(|site| &sql[site.start..site.end]).collect()
    }

    #[test]
    fn reads_are_found_wherever_they_stand() {
        assert_eq!(tables("SELECT * FROM raw.s"), ["raw.s"]);
        assert_eq!(
            tables("SELECT * FROM (SELECT 1 FROM s x) JOIN \"Raw\".\"S\" y ON 1 = 1"),
            ["s", "\"Raw\".\"S\""]
        );
        assert_eq!(tables("INSERT INTO t SELECT * FROM a UNION ALL SELECT * FROM b.c"), ["a", "b.c"]);
        assert_eq!(tables("SELECT * FROM t WHERE id IN (SELECT id FROM s)"), ["t", "s"]);
        assert_eq!(tables("CREATE TABLE n AS SELECT * FROM s"), ["s"]);
        assert_eq!(tables("REPLACE INTO t ON (id) SELECT * FROM s"), ["s"]);
        assert_eq!(tables("EXPLAIN SELECT * FROM s"), ["s"]);
    }

    #[test]
    fn targets_are_not_reads() {
        assert_eq!(tables("INSERT INTO s VALUES (1)"), Vec::<&str>::new());
        assert_eq!(tables("DELETE FROM s WHERE id = 1"), Vec::<&str>::new());
        assert_eq!(tables("UPDATE s SET a = 1 WHERE id IN (SELECT id FROM q)"), ["q"]);
    }

    #[test]
    fn merge_reads_its_source_as_a_table_or_as_a_query() {
        let rest = "x ON t.id = x.id WHEN MATCHED THEN DELETE";
        assert_eq!(tables(&format!("MERGE INTO t USING raw.s AS {rest}")), ["raw.s"]);
        assert_eq!(tables(&format!("MERGE INTO t USING (SELECT * FROM raw.s) AS {rest}")), ["raw.s"]);
    }

    #[test]
    fn a_copy_to_a_stage_reads_a_table_that_takes_no_alias() {
        let described = describe("COPY INTO @st FROM raw.s FILE_FORMAT = (TYPE = PARQUET)").unwrap();
        assert_eq!(described.sites.tables[0].alias, Alias::Forbidden);
        assert_eq!(tables("COPY INTO @st FROM (SELECT * FROM s) FILE_FORMAT = (TYPE = CSV)"), ["s"]);
    }

    #[test]
    fn with_consume_belongs_to_the_site() {
        for sql in ["SELECT * FROM s WITH CONSUME AS x", "SELECT * FROM s WITH (consume = true) x"] {
            let site = &describe(sql).unwrap().sites.tables[0];
            assert!(site.consume && site.alias == Alias::Given, "{sql}");
            assert!(
                ["s WITH CONSUME", "s WITH (consume = true)"].contains(&&sql[site.start..site.end]),
                "{sql}"
            );
        }
        assert!(!describe("SELECT * FROM s").unwrap().sites.tables[0].consume);
    }

    #[test]
    fn a_name_that_a_with_clause_defines_is_no_table() {
        assert_eq!(tables("WITH s AS (SELECT 1 FROM q) SELECT * FROM s"), ["q"]);
        assert_eq!(tables("WITH s AS (SELECT 1 FROM q) SELECT * FROM raw.s"), ["q", "raw.s"]);
    }

    #[test]
    fn names_fold_as_databend_folds_them() {
        let described = describe("SELECT * FROM RAW.Orders JOIN \"RAW\".\"Orders\" ON 1 = 1").unwrap();
        let names: Vec<_> = described
            .sites
            .tables
            .iter()
            .map(|site| (site.database.as_deref(), site.name.as_str()))
            .collect();
        assert_eq!(names, [(Some("raw"), "orders"), (Some("RAW"), "Orders")]);
    }

    #[test]
    fn table_functions_and_scalar_functions_are_told_apart() {
        let sql = "SELECT stream_status('raw.s') FROM TASK_HISTORY(TASK_NAME => 'x', RESULT_LIMIT => 10) h";
        let functions = describe(sql).unwrap().sites.functions;
        assert_eq!(functions.len(), 2);
        assert_eq!(&sql[functions[0].start..functions[0].end], "stream_status('raw.s')");
        assert_eq!(functions[0].arguments, [Some("raw.s".to_string())]);
        assert!(!functions[0].is_table && functions[1].is_table && functions[1].alias == Alias::Given);
        assert_eq!(functions[1].named_arguments["task_name"], "'x'");
        assert_eq!(functions[1].named_arguments["result_limit"], "10");
    }

    #[test]
    fn a_time_travel_clause_is_told() {
        assert!(describe("SELECT * FROM t AT (SNAPSHOT => 'x')").unwrap().sites.tables[0].temporal);
    }

    #[test]
    fn offsets_are_bytes_of_the_original_text() {
        let sql = "SELECT 'Größe', '🦀' FROM raw.s";
        assert_eq!(tables(sql), ["raw.s"]);
    }
}
