//! The schema of `databend_cdc_table`.

use tfplugin::{Attribute, Schema, Type};

use crate::change::INTERRUPTED;
use crate::description::description_type;

/// Version of the stored state. 0: the pipeline held SQL.
const VERSION: i64 = 2;

/// The schema.
pub(super) fn schema() -> Schema {
    Schema::new(
        "One replicated table: the raw table that keeps every change, the stream on it, and the ODS table with the latest state.",
        vec![
            Attribute::string("id").computed().describe("`<raw database>.<raw table>,<ods database>.<ods table>`, which is also the import id."),
            Attribute::string("stage").required().describe("Name of the stage with the DMS files."),
            Attribute::strict_object(
                "source",
                vec![
                    Attribute::string("schema").required().describe("MySQL schema."),
                    Attribute::string("table").required().describe("MySQL table."),
                ],
            )
            .required()
            .describe("The table at the source."),
            Attribute::string("path").optional_computed().describe("Folder of the table's files under the stage, with a trailing slash. Default: `<schema>/<table>/`, where DMS puts them."),
            Attribute::strict_list(
                "columns",
                vec![
                    Attribute::string("name").required().describe("Name at the source. Where ODS has the column in another case, the name that ODS has: MySQL and COPY ignore case."),
                    Attribute::string("type").required().describe("MySQL type as `information_schema.columns.column_type` prints it: `bigint`, `decimal(12,2)`, `datetime(6)`."),
                    Attribute::string("default").optional().describe("For a column that was added with `ADD COLUMN … DEFAULT`: the value that MySQL gave the rows that existed then, as `information_schema.columns.column_default` prints it. DMS writes no changes for those rows. Best applied before the DDL. Afterwards, rows without a value get it whose last change is older than the first change with a value in the column. Not for JSON and binary types."),
                    Attribute::string("renamed_from").optional().describe("For a column that was renamed with `RENAME COLUMN` or `CHANGE`: the name that it had. It takes the place of that column: ODS renames it and keeps its values, and changes that still have the old name are merged into it. Keep it: it is refused to leave it out while raw has changes with the old name alone. Not for columns of `primary_key`."),
                ],
            )
            .required()
            .describe("The source's columns. Columns are added in place, and types widened, also of key columns; a column that has data does not go, unless another one takes its place with `renamed_from`. A change of type that MySQL makes by converting existing rows is refused, or a warning where ODS holds both types in the same way: DMS does not see what became of those rows, so the table has to be loaded again."),
            Attribute::list("primary_key", Type::String).required().describe("Names of the columns that identify a row. Their order means nothing."),
            Attribute::nested_single(
                "raw",
                vec![
                    Attribute::string("database").required().describe("Database; created if it is missing."),
                    Attribute::string("table").optional_computed().describe("Table. Default: `source.table`."),
                    Attribute::number("retention_days").optional_computed().describe("Days that changes are kept, 1 to 90. Default: 15."),
                ],
            )
            .required()
            .describe("The table that keeps every change. Beside the source's columns it has those that DMS adds, and takes new ones by itself (schema evolution)."),
            Attribute::nested_single(
                "ods",
                vec![
                    Attribute::string("database").required().describe("Database; created if it is missing."),
                    Attribute::string("table").optional_computed().describe("Table. Default: `source.table`."),
                    Attribute::list("cluster_by", Type::String).optional_computed().describe("Columns of the cluster key; `[]`: none. Default: the key columns, without those of BINARY types, by which Databend cannot cluster. A merge then rewrites the blocks of the changed keys alone."),
                    Attribute::number("row_per_block").optional_computed().describe("Rows per block, at most, 1000 to 1000000: a merge rewrites whole blocks. Default: 100000."),
                    Attribute::string("when_lost").optional().describe("What apply does where the ODS table was dropped and raw no longer has every change. `\"refuse\"`, the default: it stops at this table and says what can be done. `\"create_empty\"`: it creates the table empty and suspends the task that merges into it; `runbook status` reports the table until it is loaded again."),
                ],
            )
            .required()
            .describe("The table with the latest state of each row. Rows that are gone at the source stay with `is_deleted = true`."),
            Attribute::string("timestamp_column").optional_computed().describe("Column of the DMS time: `timestamp_column_name` of the DMS S3 endpoint. Another name is refused while the changes are ordered by time and DMS does not write it yet. Default: `_dms_ingestion_timestamp`."),
            Attribute::string("change_seq_column").optional_computed().describe("Column of the DMS change sequence, which `dms_table_mappings` adds. `\"\"`: the DMS task has none; changes are then ordered by time, and several changes of a row in one transaction tie. Another name is refused until DMS writes that column and the changes without it are merged. Default: `_dms_change_seq`."),
            Attribute::string("position_column").optional_computed().describe("Column of the DMS stream position (binlog file and offset), which `dms_table_mappings` adds. Raw keeps it. `\"\"`: the DMS task has none. Default: `_dms_position`."),
            Attribute::string("before_image_prefix").optional_computed().describe("Prefix of the key's before-image columns, which `dms_table_mappings` adds. `\"\"`: the DMS task has none; a changed key then leaves its old row behind. Another prefix is refused until DMS writes it and the changes with the old one are merged. Default: `_dms_before_`."),
            Attribute::bool("deletion_protection").optional_computed().describe("Whether destroying and replacing are refused. Default: `true`."),
            Attribute::string("raw_table").computed().describe("`<database>.<table>` of the raw table; null while it lacks something that apply mends."),
            Attribute::string("ods_table").computed().describe("`<database>.<table>` of the ODS table; null while it lacks something that apply mends."),
            Attribute::string("stream").computed().describe("`<database>.<stream>` of the stream on raw; null while it is missing or invalid."),
            Attribute::new("pipeline", description_type()).computed().describe("The description of this table for `databend_cdc_task_chain.tables` and the runbook. Known at plan time."),
            Attribute::list("unmapped_columns", Type::String).computed().describe("Columns that the raw table took from the files by itself and that `columns` does not list, so ODS does not have them."),
            Attribute::string("interrupted").computed().describe(INTERRUPTED),
        ],
    )
    .version(VERSION)
}
