//! One table from an empty Databend to a running pipeline.

use crate::world::World;

#[tokio::test]
async fn ods_equals_the_source_whatever_happens_to_its_rows() {
    let world = World::orders(500).await;
    world.cutover().await;
    world.assert_ods_equals_source().await;
    // One transaction, several changes of a row: only their sequence tells which is the last.
    world
        .transaction(&[
            "UPDATE NAME.orders SET status = 'paid', amount = 1 WHERE order_id = 1",
            "UPDATE NAME.orders SET status = 'packed', amount = 2 WHERE order_id = 1",
            "UPDATE NAME.orders SET status = 'shipped', amount = 3, note = NULL WHERE order_id = 1",
        ])
        .await;
    world.assert_ods_equals_source().await;
}
