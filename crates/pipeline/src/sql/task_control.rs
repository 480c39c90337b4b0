//! Starting and stopping tasks.

use super::ident;

/// A task's name as it must stand in SQL.
///
/// Databend keeps the quotes as part of a quoted task name: it stores the identifier as printed from the parsed tree,
/// so `CREATE TASK "a"` makes a task that is called `"a"`, which `AFTER 'a'` does not find (read in Databend's
/// planner, `binder/ddl/task.rs`). Hence plain names stand bare (they are not folded to lower case there), and a
/// stored name that begins with a quote is already its own SQL.
pub fn task_ident(stored_name: &str) -> String {
    if is_plain_task_name(stored_name) || stored_name.starts_with(['"', '`']) {
        stored_name.to_owned()
    } else {
        ident(stored_name)
    }
}

/// Whether a name can be given to a task without quotes, that is, without becoming a different name.
pub fn is_plain_task_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Lets a task run on its schedule or after its parent.
pub fn resume(task: &str) -> String {
    format!("ALTER TASK {} RESUME", task_ident(task))
}

/// Keeps a task from starting again; a run under way ends by itself.
pub fn suspend(task: &str) -> String {
    format!("ALTER TASK {} SUSPEND", task_ident(task))
}

/// Starts one run now, whatever the schedule says.
pub fn execute(task: &str) -> String {
    format!("EXECUTE TASK {}", task_ident(task))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stand_bare_since_databend_would_keep_the_quotes() {
        assert_eq!(resume("Orders_load"), "ALTER TASK Orders_load RESUME");
        assert_eq!(suspend("orders_merge_2"), "ALTER TASK orders_merge_2 SUSPEND");
        assert_eq!(execute("orders_load"), "EXECUTE TASK orders_load");
    }

    #[test]
    fn a_stored_name_with_quotes_is_used_as_it_is() {
        assert_eq!(resume("\"my load\""), "ALTER TASK \"my load\" RESUME");
    }

    #[test]
    fn other_names_are_quoted() {
        assert_eq!(resume("x; DROP TASK y"), "ALTER TASK \"x; DROP TASK y\" RESUME");
        assert!(!is_plain_task_name(""));
        assert!(!is_plain_task_name("1a"));
        assert!(!is_plain_task_name("größe"));
    }
}
