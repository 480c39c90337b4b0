//! The source's tables, as examples/complete/tables.tf declares them, and what is in them at the start.

use e2e::{Error, Mysql};

/// How many rows one INSERT takes.
const BATCH: u32 = 500;

/// Creates `shop.orders` with orders 1 to `count`, and `shop.customers`.
pub(crate) async fn create(mysql: &Mysql, count: u32) -> Result<(), Error> {
    mysql
        .session(&[
            "CREATE DATABASE shop",
            "CREATE TABLE shop.orders (
                order_id BIGINT NOT NULL PRIMARY KEY,
                customer_id BIGINT NOT NULL,
                status VARCHAR(20) NOT NULL,
                amount DECIMAL(12,2) NOT NULL,
                note TEXT,
                created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
                updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
            )",
            "CREATE TABLE shop.customers (customer_id BIGINT NOT NULL PRIMARY KEY, email VARCHAR(100))",
            "INSERT INTO shop.customers VALUES (1, 'first@example.com'), (2, NULL), (3, '')",
        ])
        .await?;
    let ids: Vec<u32> = (1..=count).collect();
    let inserts: Vec<String> = ids.chunks(usize::try_from(BATCH).unwrap_or(1)).map(insert).collect();
    mysql.session(&inserts).await
}

/// One INSERT of the orders with these numbers.
pub(crate) fn insert(ids: &[u32]) -> String {
    let rows: Vec<String> = ids.iter().map(|&id| values(id)).collect();
    format!(
        "INSERT INTO shop.orders (order_id, customer_id, status, amount, note) VALUES {}",
        rows.join(", ")
    )
}

/// Values that follow from the number, some of them awkward: NULL, an empty string, quotes, more than ASCII.
fn values(id: u32) -> String {
    let customer = id * 7919 % 1000 + 1;
    let note = match id % 7 {
        0 => "NULL".to_owned(),
        1 => "''".to_owned(),
        2 => r"'a \'quoted\' note, and a comma'".to_owned(),
        3 => "'Größe 42, 東京, 🚚'".to_owned(),
        _ => format!("'order {id}'"),
    };
    format!("({id}, {customer}, 'new', {}.{:02}, {note})", id * 31 % 5000, id * 17 % 100)
}
