//! What an import takes from the tables that it finds.

use pipeline::name::same_column;
use pipeline::table::{DELETED_COLUMN, SEQ_COLUMN};
use tfplugin::Attr;
use warehouse::catalog::TableInfo;

use super::model::{ColumnModel, TableModel};
use super::read::shown_type;

/// After an import nothing but the names is known: the columns are those of ODS that raw has too. The key stays open,
/// since Databend has none: which columns allow NULL says nothing of it.
pub(super) fn import(model: &mut TableModel, raw: Option<&TableInfo>, ods: Option<&TableInfo>) {
    let (Some(raw), Some(ods)) = (raw, ods) else { return };
    if !model.columns.is_null() {
        return;
    }
    let is_flag = |name: &str| [DELETED_COLUMN, SEQ_COLUMN].contains(&name);
    let in_raw = |name: &str| raw.columns.iter().any(|column| same_column(&column.name, name));
    let columns = ods.columns.iter().filter(|column| !is_flag(&column.name) && in_raw(&column.name));
    let models = columns.map(|column| ColumnModel::new(column.name.clone(), shown_type(column)));
    model.columns = Attr::Known(models.map(Attr::Known).collect());
}
