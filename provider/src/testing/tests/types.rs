//! Changes of the columns' types.

use std::sync::Arc;

use serde_json::json;
use warehouse::scripted::Scripted;

use crate::testing::{Action, Config, Outcome, Process, Terraform};

const STAGE: &str = "databend_cdc_stage.dms";
const TABLE: &str = "databend_cdc_table.orders";

struct World {
    scripted: Arc<Scripted>,
    terraform: Terraform,
}

impl World {
    /// A table with the key `id` and the column `c`, applied.
    fn applied(key: &str, ty: &str) -> Self {
        let stage =
            json!({ "name": "dms", "url": "s3://b/dms/", "role_arn": "arn:aws:iam::1:role/databend" });
        let terraform = Terraform::new(Config::default().with(STAGE, stage));
        let mut world = Self { scripted: Scripted::new(), terraform };
        world.apply(key, ty);
        world
    }

    fn set(&mut self, key: &str, ty: &str) {
        let body = json!({
            "stage": format!("${{{STAGE}.name}}"),
            "source": { "schema": "shop", "table": "orders" },
            "columns": [{ "name": "id", "type": key }, { "name": "c", "type": ty }],
            "primary_key": ["id"],
            "raw": { "database": "raw" },
            "ods": { "database": "ods" },
        });
        self.terraform.config = self.terraform.config.clone().with(TABLE, body);
    }

    fn plan(&mut self, key: &str, ty: &str) -> Outcome {
        self.set(key, ty);
        self.scripted.restart();
        self.terraform.plan(&Process::start(&self.scripted).unwrap()).unwrap()
    }

    /// Applies; afterwards there is nothing left to do, and nothing to say.
    fn apply(&mut self, key: &str, ty: &str) {
        self.set(key, ty);
        self.scripted.restart();
        let outcome = self.terraform.apply(&Process::start(&self.scripted).unwrap()).unwrap();
        assert_eq!(outcome.errors, Vec::<String>::new());
        let next = self.plan(key, ty);
        assert!(next.is_empty() && next.warnings.is_empty(), "{next:?}");
    }

    fn ods_type(&self, column: &str) -> String {
        self.type_in("ods", column)
    }

    fn type_in(&self, database: &str, column: &str) -> String {
        let sql = format!(
            "SELECT data_type FROM system.columns WHERE database = '{database}' AND name = '{column}'"
        );
        self.scripted.sql(&sql).unwrap()[0].get("data_type").unwrap()
    }
}

#[test]
fn widenings_are_done_in_place_also_of_keys() {
    let mut world = World::applied("int unsigned", "tinyint unsigned");
    for (ty, shown) in [("int", "INT"), ("bigint", "BIGINT")] {
        assert_eq!(world.plan("int unsigned", ty).warnings, Vec::<String>::new());
        world.apply("int unsigned", ty);
        assert_eq!(world.ods_type("c"), shown);
    }
    world.apply("bigint unsigned", "bigint");
    assert_eq!(world.ods_type("id"), "BIGINT UNSIGNED");
    for column in ["id", "_dms_before_id"] {
        assert_eq!(world.type_in("raw", column), "BIGINT UNSIGNED");
    }
}

#[test]
fn a_conversion_is_refused_and_says_what_has_to_be_loaded_again() {
    for (from, to) in
        [("varchar(10)", "int"), ("datetime", "date"), ("decimal(12,4)", "decimal(12,2)"), ("text", "json")]
    {
        let mut world = World::applied("int", from);
        let said = world.plan("int", to).errors.join("\n");
        for part in ["columns[1].type", "cannot change from", "The table has to be loaded again"] {
            assert!(said.contains(part), "{from} to {to}: {said}");
        }
    }
}

#[test]
fn a_conversion_that_ods_does_not_show_is_a_warning() {
    for (from, to, why) in [
        ("datetime", "timestamp", "time zone"),
        ("varchar(20)", "varchar(10)", "cut off"),
        ("enum('a','b')", "enum('a')", "not listed"),
    ] {
        let mut world = World::applied("int", from);
        let plan = world.plan("int", to);
        assert_eq!((plan.errors, plan.actions[TABLE]), (Vec::new(), Action::Update));
        let said = plan.warnings.join("\n");
        for part in ["Old rows of ods.orders.c may differ", why, "load the table again", "columns[1].type"] {
            assert!(said.contains(part), "{from} to {to}: {said}");
        }
        world.apply("int", to);
    }
    // Another spelling of the same type is no change.
    let mut world = World::applied("int", "varchar(20)");
    let plan = world.plan("int(11)", "varchar(30)");
    assert!(plan.is_empty() && plan.warnings.is_empty(), "{plan:?}");
}
