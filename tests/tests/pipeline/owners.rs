//! What is there already keeps its owner, whoever works in it: Databend's `CREATE … IF NOT EXISTS` would hand it to the
//! role that runs it, so the product has none.
//!
//! The runbook's half is in [`crate::least_privilege`], where it runs as another user than root.

use e2e::{Databend, Must, Plan, Sandbox, Table, TerraformDir, names};
use pipeline::sql::{create_database, own};

use crate::least_privilege::{statements, user};

/// Databases that the role `theirs` has made, and in which the role `ours` works by the grants that the guide names for
/// that.
struct Shared {
    name: String,
    theirs: String,
    ours: String,
    terraform: TerraformDir,
    root: Databend,
}

impl Shared {
    /// `ours` has the guide's grants without those that contain `left_out`; those for `theirs` databases only if `granted`.
    async fn new(left_out: &str, granted: bool) -> Self {
        let (name, theirs, ours) = (names::unique("own"), names::unique("theirs"), names::unique("ours"));
        let them = Databend::connect(&user(&theirs, "").await).await.must();
        let sandbox = user(&ours, left_out).await;
        let root = Databend::connect(&Sandbox::from_env().unwrap()).await.must();
        // One shows in the catalog by its table, the other has to be looked for.
        for statement in
            ["CREATE DATABASE NAME_raw", "CREATE TABLE NAME_raw.other (a INT)", "CREATE DATABASE NAME_ods"]
        {
            them.exec(&statement.replace("NAME", &name)).await.must();
        }
        for database in ["raw", "ods"].into_iter().filter(|_| granted) {
            for statement in statements(2, &ours) {
                root.exec(&statement.replace("raw.", &format!("{name}_{database}."))).await.must();
            }
        }
        if granted {
            give_journal_to_root(&ours).await;
        }
        let terraform = TerraformDir::new(&sandbox).unwrap();
        let provider = "terraform {\n  required_providers {\n    databend = { source = \"databend-cdc/databend\" }\n  }\n}\n";
        let table = Table::orders().resource(0, &name).replace("databend_cdc_stage.dms.name", "\"dms\"");
        terraform.write("main.tf", &format!("{provider}\n{table}")).unwrap();
        terraform.init().await.must();
        Self { name, theirs, ours, terraform, root }
    }

    /// Each database and table with its owner.
    async fn owners(&self) -> Vec<String> {
        let query = "SELECT name || ' ' || owner AS line FROM system.databases WHERE name IN ('NAME_raw', 'NAME_ods') \
             UNION ALL SELECT database || '.' || name || ' ' || owner FROM system.tables \
             WHERE database IN ('NAME_raw', 'NAME_ods') AND engine = 'FUSE' ORDER BY line";
        let rows = self.root.rows(&query.replace("NAME", &self.name)).await.must();
        let named = |row: String| {
            row.replace(&self.name, "NAME").replace(&self.theirs, "theirs").replace(&self.ours, "ours")
        };
        rows.into_iter().flatten().flatten().map(named).collect()
    }

    async fn works(&self) {
        self.terraform.apply(&[]).await.must();
        let owners = [
            "NAME_ods theirs",
            "NAME_ods.orders ours",
            "NAME_raw theirs",
            "NAME_raw.orders ours",
            "NAME_raw.other theirs",
        ];
        assert_eq!(self.owners().await, owners);
        assert_eq!(self.terraform.plan(&[]).await.must(), Plan::Empty);
        self.terraform.destroy(&[]).await.must();
        assert_eq!(self.owners().await, ["NAME_ods theirs", "NAME_raw theirs", "NAME_raw.other theirs"]);
    }
}

#[tokio::test]
async fn the_provider_takes_no_database_from_its_owner() {
    Shared::new("", true).await.works().await;
}

#[tokio::test]
async fn the_provider_needs_no_right_to_create_a_database_that_is_there() {
    Shared::new("CREATE DATABASE ON", true).await.works().await;
}

#[tokio::test]
async fn the_provider_takes_no_database_that_it_does_not_see() {
    let shared = Shared::new("", false).await;
    let before = shared.owners().await;
    let said = shared.terraform.apply_fails(&[]).await.must();
    assert!(said.contains("(code 1063)"), "{said}");
    assert_eq!(shared.owners().await, before);
}

/// Lets `role` use the runbook's database, which is root's, as are its tables.
pub(crate) async fn give_journal_to_root(role: &str) {
    let root = Databend::connect(&Sandbox::from_env().unwrap()).await.must();
    let tables = own::TABLES.map(|table| table.create());
    for statement in [create_database(own::DATABASE)].into_iter().chain(tables) {
        // Root's from now on, whoever had it.
        let takes = ["DATABASE ", "TABLE "]
            .iter()
            .fold(statement, |text, kind| text.replacen(kind, &format!("{kind}IF NOT EXISTS "), 1));
        root.exec(&takes).await.must();
    }
    root.exec(&format!("GRANT ALL ON {}.* TO ROLE {role}", own::DATABASE)).await.must();
}

/// The owners of the runbook's database and of its tables, each once.
pub(crate) async fn of_journal() -> Vec<String> {
    let root = Databend::connect(&Sandbox::from_env().unwrap()).await.must();
    let query = "SELECT owner FROM system.databases WHERE name = 'NAME' \
         UNION SELECT owner FROM system.tables WHERE database = 'NAME' AND name IN ('journal', 'leases')";
    root.rows(&query.replace("NAME", own::DATABASE)).await.must().into_iter().flatten().flatten().collect()
}
