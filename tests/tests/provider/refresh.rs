//! What a refresh costs: a fixed number of statements, however many resources there are.

use e2e::Must;

use crate::world::World;

/// One for each kind of object (tables, columns, streams, stages, tasks), and one for our own database.
const STATEMENTS: usize = 6;

const TABLES: &str = r#"
variable "tables" {
  type = number
}

resource "databend_cdc_table" "more" {
  count       = var.tables
  stage       = databend_cdc_stage.dms.name
  source      = { schema = "shop", table = "t${count.index}" }
  columns     = [{ name = "id", type = "int" }]
  primary_key = ["id"]
  raw         = { database = "NAME_raw" }
  ods         = { database = "NAME_ods" }
}
"#;

#[tokio::test]
async fn one_table_costs_as_much_as_ten() {
    let mut w = World::new("refresh").await;
    w.add(TABLES);
    w.edit(
        "databend_cdc_table.orders.pipeline]",
        "databend_cdc_table.orders.pipeline]\n  depends_on = [databend_cdc_table.more]",
    );
    for tables in ["0", "9"] {
        w.terraform.set("TF_VAR_tables", tables);
        w.terraform.apply(&[]).await.must();
        self::heard(&w);
        // The first refresh after an apply also removes what that apply has noted.
        w.nothing_to_do().await;
        let heard = self::heard(&w);
        assert_eq!(heard.len(), STATEMENTS + 1, "{heard:#?}");
        assert!(heard.last().unwrap().starts_with("DELETE FROM"), "{heard:#?}");
        w.nothing_to_do().await;
        let heard = self::heard(&w);
        assert_eq!(heard.len(), STATEMENTS, "{heard:#?}");
    }
}

/// What was heard, without the second look at tables of other tests: they come and go between the two statements that read
/// tables and columns.
fn heard(w: &World) -> Vec<String> {
    let of_others = |sql: &String| sql.contains("(database = '") && !sql.contains("NAME");
    w.heard().into_iter().filter(|sql| !of_others(sql)).collect()
}

#[tokio::test]
async fn statements_under_way_are_limited() {
    let mut w = World::new("limited").await;
    w.add("\nprovider \"databend\" {\n  max_concurrency = 1\n}\n");
    w.terraform.apply(&[]).await.must();
    w.heard();
    w.nothing_to_do().await;
    let logins =
        w.proxy.take_passed().iter().filter(|asked| asked.starts_with("POST /v1/session/login")).count();
    assert_eq!(logins, 1, "one session");
}
