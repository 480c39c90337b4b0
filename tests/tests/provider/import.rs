//! Taking over what is there: nothing changes in Databend.

use e2e::Must;

use crate::world::{CHAIN, STAGE, TABLE, World};

/// Everything that Databend knows of the test's objects, and when each was last changed.
const DEFINITIONS: [&str; 5] = [
    "SELECT database, name, table_id, table_option, cluster_by FROM system.tables WHERE database IN ('NAME_raw', 'NAME_ods') ORDER BY 1, 2",
    "SELECT database, table, name, data_type, is_nullable, default_expression FROM system.columns WHERE database IN ('NAME_raw', 'NAME_ods') ORDER BY 1, 2, 3",
    "SELECT name, table_name, table_version, snapshot_location FROM system.streams WHERE database = 'NAME_raw'",
    "SELECT id, name, state, definition, condition_text, after, schedule, warehouse, session_parameters, last_committed_on FROM system.tasks WHERE LEFT(name, LENGTH('NAME_')) = 'NAME_' ORDER BY name",
    "SELECT name, url, endpoint, storage_params, comment FROM system.stages WHERE name = 'NAME'",
];

async fn definitions(w: &World) -> Vec<String> {
    let mut all = Vec::new();
    for query in DEFINITIONS {
        all.extend(w.rows(query).await);
    }
    all
}

async fn import(w: &World) {
    w.terraform.import(STAGE, &w.named("NAME")).await.must();
    w.terraform.import(TABLE, &w.named("NAME_raw.orders,NAME_ods.orders")).await.must();
    w.terraform.import(CHAIN, &w.named("NAME")).await.must();
}

#[tokio::test]
async fn an_import_changes_nothing_in_databend() {
    let mut w = World::new("imported").await;
    w.edit(r#"{ database = "NAME_ods" }"#, r#"{ database = "NAME_ods", cluster_by = ["quantity"] }"#);
    w.apply().await;
    w.sql("ALTER TASK NAME_merge_NAME_ods_orders RESUME\nALTER TASK NAME_load_NAME_ods_orders RESUME").await;
    let before = definitions(&w).await;
    w.forget().await;
    w.heard();
    import(&w).await;
    let plan = w.plan().await;
    assert_eq!(plan.changes(STAGE), ["credentials_version: null -> 1"]);
    assert_eq!(
        plan.paths(TABLE),
        [
            "before_image_prefix",
            "change_seq_column",
            // The types that the source has but Databend does not: `text` is the same there.
            "deletion_protection",
            "path",
            "pipeline",
            "position_column",
            "primary_key",
            "source",
            "stage",
            "timestamp_column",
            "unmapped_columns",
        ]
    );
    assert_eq!(plan.paths(CHAIN), ["tables", "tasks"]);
    assert_eq!(w.changes_heard(), Vec::<String>::new());
    w.apply().await;
    assert_eq!(definitions(&w).await, before);
    // The keys, which Databend does not show, are handed over once.
    let heard = w.changes_heard();
    assert_eq!(heard.len(), 1, "{heard:#?}");
    assert!(heard.iter().any(|sql| sql.starts_with("CREATE OR REPLACE STAGE NAME ")), "{heard:#?}");
}

#[tokio::test]
async fn an_imported_table_shows_how_it_differs() {
    let mut w = World::applied("differs").await;
    w.forget().await;
    w.edit(r#"name = "amount", type = "decimal(12,2)""#, r#"name = "amount", type = "decimal(14,2)""#);
    w.edit(r#"warehouse = "default""#, r#"warehouse = "large""#);
    import(&w).await;
    let plan = w.plan().await;
    let changes = plan.changes(TABLE);
    assert!(changes.contains(&"columns[2].type: decimal(12,2) -> decimal(14,2)".to_owned()), "{changes:?}");
    let changes = plan.changes(CHAIN);
    assert!(changes.contains(&"warehouse: default -> large".to_owned()), "{changes:?}");
    w.apply().await;
}

#[tokio::test]
async fn wrong_ids_are_refused_with_an_example() {
    let w = World::new("ids").await;
    for (address, id, parts) in [
        (TABLE, "orders", &["\"orders\"", "for example raw.orders,ods.orders"][..]),
        (CHAIN, "My Chain", &["\"My Chain\" cannot name tasks", "The import id is the chain's name"]),
        (STAGE, "s3://x/", &["\"s3://x/\" cannot name a stage", "The import id is the stage's name"]),
        (TABLE, "NAME_raw.nothing,NAME_ods.nothing", &["Cannot import non-existent remote object"]),
        (CHAIN, "nothing_NAME", &["Cannot import non-existent remote object"]),
        (STAGE, "nothing_NAME", &["Cannot import non-existent remote object"]),
    ] {
        let run = w.terraform.run(&["import", "-no-color", address, &w.named(id)]).await.unwrap();
        assert_eq!(run.code, 1, "{run}");
        let said = e2e::unwrapped(&run.stderr);
        for part in parts {
            assert!(said.contains(part), "{id}: {said}");
        }
    }
}
