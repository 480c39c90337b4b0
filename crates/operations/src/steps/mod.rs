//! The steps, one file each.
//!
//! To add a step: a variant of [`StepName`](crate::journal::StepName), a file here, and its place in a procedure.

mod admit;
mod await_merge;
mod boundary;
mod check_load;
mod close_generation;
mod compare_ods;
mod compare_raw;
mod compare_source;
mod cut_over;
mod first_run;
mod full_load;
mod generation_state;
mod initial_insert;
mod load;
mod load_again;
mod open_generation;
mod open_repair;
mod resume_tasks;
mod second_load;
mod source_key;
mod stage_load;
mod start_dms;
mod start_whole_load;
mod stays_asleep;
mod suspend_tasks;
mod wake_tasks;
mod write_rows;

pub use admit::{Admit, Admitted};
pub use await_merge::{AwaitMerge, Merged};
pub use check_load::{CheckLoad, Gone};
pub use close_generation::{CloseGeneration, Closed};
pub use compare_ods::{CompareOds, Matched};
pub use compare_raw::{CompareRaw, Compared};
pub use compare_source::{CompareSource, Sourced};
pub use cut_over::{CutOver, cut_over};
pub use first_run::{FirstRun, Green};
pub use full_load::{FullLoad, Loaded};
pub use initial_insert::{Filled, InitialInsert, refuse_running_tasks};
pub(crate) use load::is_full_load_file;
pub use load::{Copied, Load, full_load_files};
pub use load_again::LoadAgain;
pub use open_generation::{Generation, OpenGeneration, admitted};
pub use open_repair::{OpenRepair, Repair};
pub use resume_tasks::{ResumeTasks, Resumed};
pub use source_key::refuse_another_key;
pub use stage_load::StageLoad;
pub use start_dms::{StartDms, Started};
pub use start_whole_load::{StartWholeLoad, whole_load};
pub use stays_asleep::stays_asleep;
pub use suspend_tasks::{SuspendTasks, Suspended};
pub use wake_tasks::{WakeTasks, Woken};
pub use write_rows::{Batch, WriteRows, Written};
