//! Every SQL statement of the project, one file each; see the crate's documentation for the rules they share.

mod adopt;
pub mod canary;
pub mod catalog;
mod changes;
pub mod checks;
mod cleanup;
mod fill;
mod floor;
pub mod generation;
pub mod handover;
mod horizon;
mod initial_insert;
pub mod intents;
pub mod journal;
pub mod lease;
mod load;
mod lossy;
mod merge;
mod normalize;
pub mod own;
mod placed;
mod renames;
pub mod repair;
pub mod replay;
pub mod session;
pub mod set_aside;
mod stage;
mod table_ddl;
mod task;
pub mod task_control;
#[cfg(test)]
pub(crate) mod testing;
pub mod transaction;
pub mod trial;
pub mod verify;

pub use crate::name::{TableName, ident, idents, is_quotable, literal};
pub use adopt::{UNFILLED_SEQ_COLUMN, add_unfilled_seq, fill_seq, name_filled_seq};
pub use cleanup::cleanup;
pub use fill::{fill_ods, fill_raw, first_in_ods, first_in_raw};
pub use floor::{floor_of, forget_floor};
pub use horizon::{losses_of, record_created, record_emptied, record_incomplete};
pub use initial_insert::initial_insert;
pub use load::{FILES_PER_COPY, load, load_full, location};
pub use lossy::lossy;
pub use merge::{merge, merge_all, merge_writes_all};
pub use normalize::{
    column_names, is_reserved, normalize, normalize_body, same_body, same_condition, same_sql,
    statement_lines, tables_written,
};
pub use renames::renamed_alone;
pub use stage::{create_stage, drop_stage, replace_stage, set_stage_comment};
pub use table_ddl::{
    add_column, cluster_by, create_database, create_ods, create_raw, create_stream, drop_stream, drop_table,
    modify_columns, ods_options, raw_options, rename_column, set_options,
};
pub use task::{
    create_task, drop_task, modify_task_body, modify_task_when, set_task_error_integration,
    set_task_parameters, set_task_schedule, set_task_stamp, set_task_suspend_after_failures,
    set_task_warehouse,
};
