//! Which row a canary is, and which tables can have it.

use ::source::{CanaryRow, Column, ColumnDefault, KeyColumn, KeyKind, Source, TableRef};
use pipeline::Pipeline;
use pipeline::mysql_type::MysqlType;

use crate::StepError;
use crate::finding::Code;
use crate::target::ChainTable;

/// The keys of a text; the column must have room for them.
const TEXT_KEYS: [&str; 2] = ["canary-1", "canary-2"];
/// What another column is changed to.
const CHANGED_TEXT: &str = "canary";

/// The row for a table, or why it cannot have one.
pub(super) async fn of(source: &Source, table: &ChainTable) -> Result<CanaryRow, StepError> {
    let pipeline = &table.pipeline;
    let name = TableRef::new(&pipeline.source_schema, &pipeline.source_table);
    let tables = source.tables(std::slice::from_ref(&name)).await?;
    let columns = &tables.get(&name)?.columns;
    row(pipeline, name, columns).map_err(|why| {
        let subject = pipeline.source();
        StepError::finding(
            Code::CanaryUnfit,
            &subject,
            format!("{subject} cannot have a canary: {why}"),
            "use a table that is for the canary alone, for example with the columns id BIGINT PRIMARY KEY and note VARCHAR(20), \
             and declare it as any other",
        )
    })
}

fn row(pipeline: &Pipeline, table: TableRef, columns: &[Column]) -> Result<CanaryRow, String> {
    let [key] = pipeline.primary_key.as_slice() else {
        return Err("its key has several columns".to_owned());
    };
    let described = pipeline.columns.iter().find(|column| column.name == *key);
    let found = columns.iter().find(|column| column.name == *key);
    let (Some(described), Some(found)) = (described, found) else {
        return Err(format!("it has no column {key}"));
    };
    if found.extra.to_lowercase().contains("auto_increment") {
        return Err(format!(
            "{key} counts up by itself (AUTO_INCREMENT), and would go on after the canary's key"
        ));
    }
    let needed = |column: &&Column| {
        column.name != *key
            && !column.nullable
            && column.default == ColumnDefault::None
            && !column.is_generated()
    };
    if let Some(column) = columns.iter().find(needed) {
        return Err(format!("its column {} needs a value", column.name));
    }
    let Some(keys) = keys(&described.ty, &found.column_type) else {
        return Err(format!("its key {key} is neither an integer nor a CHAR or VARCHAR of 8 or more"));
    };
    let (kind, [first_key, second_key]) = keys;
    let value = columns.iter().find_map(|column| changed(pipeline, column));
    Ok(CanaryRow { table, key: KeyColumn { name: key.clone(), kind }, first_key, second_key, value })
}

/// The canary's keys: of integers, the two largest that a signed one can be.
fn keys(ty: &MysqlType, column_type: &str) -> Option<(KeyKind, [String; 2])> {
    match ty {
        MysqlType::Integer(integer) => {
            let largest = (1_u64 << (8 * u32::from(integer.bytes) - 1)) - 1;
            Some((KeyKind::Number, [largest - 1, largest].map(|key| key.to_string())))
        }
        _ if length(column_type)? >= TEXT_KEYS[0].len() => {
            Some((KeyKind::Text, TEXT_KEYS.map(str::to_owned)))
        }
        _ => None,
    }
}

/// A column that can be changed, and to what.
fn changed(pipeline: &Pipeline, column: &Column) -> Option<(KeyColumn, String)> {
    let described = pipeline.columns.iter().find(|described| described.name == column.name)?;
    if pipeline.primary_key.contains(&column.name) || column.is_generated() {
        return None;
    }
    let (kind, value) = match described.ty {
        MysqlType::Integer(_) => (KeyKind::Number, "1"),
        _ if length(&column.column_type)? >= CHANGED_TEXT.len() => (KeyKind::Text, CHANGED_TEXT),
        _ => return None,
    };
    Some((KeyColumn { name: column.name.clone(), kind }, value.to_owned()))
}

/// The characters of a CHAR or VARCHAR; `None` for other types.
fn length(column_type: &str) -> Option<usize> {
    let (name, rest) = column_type.split_once('(')?;
    let is_text = matches!(name.trim().to_lowercase().as_str(), "char" | "varchar");
    is_text.then(|| rest.split(')').next()?.trim().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::description;

    fn column(name: &str, column_type: &str) -> Column {
        Column {
            name: name.into(),
            column_type: column_type.into(),
            nullable: true,
            default: ColumnDefault::None,
            extra: String::new(),
        }
    }

    /// A row of a table with a key `order_id` and these columns.
    fn of(columns: &[Column]) -> Result<CanaryRow, String> {
        let mut pipeline = description("orders");
        pipeline.primary_key = vec!["order_id".into()];
        pipeline.columns = columns
            .iter()
            .map(|column| pipeline::column::Column {
                name: column.name.clone(),
                ty: column.column_type.parse().unwrap(),
            })
            .collect();
        row(&Pipeline::new(pipeline), TableRef::new("shop", "orders"), columns)
    }

    #[test]
    fn keys_are_at_the_end_of_the_type() {
        for (ty, first, second) in [
            ("tinyint", "126", "127"),
            ("int unsigned", "2147483646", "2147483647"),
            ("bigint", "9223372036854775806", "9223372036854775807"),
            ("varchar(20)", "canary-1", "canary-2"),
        ] {
            let row = of(&[column("order_id", ty)]).unwrap();
            assert_eq!(
                (row.first_key.as_str(), row.second_key.as_str(), row.value),
                (first, second, None),
                "{ty}"
            );
        }
    }

    #[test]
    fn a_column_that_can_be_changed_is() {
        let columns = [column("order_id", "int"), column("at", "datetime"), column("note", "varchar(9)")];
        let (changed, value) = of(&columns).unwrap().value.unwrap();
        assert_eq!((changed.name.as_str(), value.as_str()), ("note", "canary"));
    }

    #[test]
    fn other_tables_are_refused() {
        let counted = Column { extra: "auto_increment".into(), ..column("order_id", "int") };
        let needed = Column { nullable: false, ..column("note", "varchar(9)") };
        for (columns, why) in [
            (vec![counted], "counts up by itself"),
            (vec![column("order_id", "int"), needed], "note needs a value"),
            (vec![column("order_id", "varchar(7)")], "neither an integer nor"),
            (vec![column("order_id", "binary(9)")], "neither an integer nor"),
            (vec![column("order_id", "enum('long enough')")], "neither an integer nor"),
        ] {
            let refused = of(&columns).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
