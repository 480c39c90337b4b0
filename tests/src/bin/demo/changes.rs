//! What goes on at the source while the tasks run: the changes that are easy to get wrong.

use std::fmt::Display;
use std::time::Duration;

use e2e::{Error, Mysql};

use crate::lag::Tracker;
use crate::{orders, show};

/// Several rounds with pauses, so that the changes spread over several files and several runs of the tasks.
const ROUNDS: u32 = 12;
const PAUSE: Duration = Duration::from_millis(1500);

/// New orders of a round.
const NEW: u32 = 10;
/// Orders of a round that get several updates in one transaction.
const UPDATED: u32 = 5;
/// Deleted orders of a round.
const DELETED: u32 = 3;
/// Added to the key of an order that gets a new one.
const NEW_KEYS: u32 = 1_000_000;

/// How many changes of each kind were made.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Changes {
    inserts: u32,
    updates: u32,
    deletes: u32,
    new_keys: u32,
    /// Deleted and inserted again under the same key, in one transaction.
    replaced: u32,
    /// Inserted, updated and deleted in one transaction: never to be seen in ODS.
    short_lived: u32,
    pub(crate) transactions: u32,
}

impl Changes {
    /// All row changes.
    pub(crate) fn sum(&self) -> u32 {
        self.inserts + self.updates + self.deletes + self.new_keys + 2 * self.replaced + 3 * self.short_lived
    }

    /// For the report.
    pub(crate) fn table(&self, orders: u32) -> impl Display {
        let mut table = show::table(&["at the source", "orders"]);
        let rows = [
            ("there before the cutover", orders),
            ("inserted while the tasks ran", self.inserts),
            ("updated, three times in one transaction", self.updates / 3),
            ("deleted", self.deletes),
            ("given another primary key", self.new_keys),
            ("deleted and inserted again in one transaction", self.replaced),
            ("inserted, updated and deleted in one transaction", self.short_lived),
        ];
        for (what, count) in rows {
            table.add_row([what.to_owned(), count.to_string()]);
        }
        table
    }
}

/// Makes the changes. `orders` are there already, numbered from 1.
pub(crate) async fn make(mysql: &Mysql, tracker: &Tracker, orders: u32) -> Result<Changes, Error> {
    let mut done = Changes::default();
    // Each round works on its own part of the old orders, so that no order is touched twice by chance.
    let share = orders / ROUNDS;
    for round in 0..ROUNDS {
        let new = orders + 1 + round * (NEW + 2);
        round_of_changes(mysql, round * share + 1, share, new, &mut done).await?;
        // The last one of the round: an order of its own, whose way through the stages is followed.
        let followed = new + NEW + 1;
        mysql.transaction(&[&orders::insert(&[followed])]).await?;
        tracker.follow(followed).await;
        done.inserts += 1;
        done.transactions += 1;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(done)
}

/// `old`: the first of `share` old orders of this round. `new`: the first of its new numbers.
async fn round_of_changes(
    mysql: &Mysql,
    old: u32,
    share: u32,
    new: u32,
    done: &mut Changes,
) -> Result<(), Error> {
    let fresh: Vec<u32> = (new..new + NEW).collect();
    mysql.transaction(&[&orders::insert(&fresh)]).await?;
    done.inserts += NEW;

    let mut next = (old..old + share).collect::<Vec<u32>>().into_iter();
    for id in next.by_ref().take(at_most(UPDATED)) {
        let statements = ["paid", "packed", "shipped"].map(|status| {
            format!(
                "UPDATE shop.orders SET status = '{status}', amount = amount + 0.01 WHERE order_id = {id}"
            )
        });
        mysql.transaction(&statements.each_ref().map(String::as_str)).await?;
        done.updates += 3;
        done.transactions += 1;
    }
    for id in next.by_ref().take(at_most(DELETED)) {
        mysql.transaction(&[&format!("DELETE FROM shop.orders WHERE order_id = {id}")]).await?;
        done.deletes += 1;
        done.transactions += 1;
    }
    if let Some(id) = next.next() {
        let statement =
            format!("UPDATE shop.orders SET order_id = order_id + {NEW_KEYS} WHERE order_id = {id}");
        mysql.transaction(&[&statement]).await?;
        done.new_keys += 1;
        done.transactions += 1;
    }
    if let Some(id) = next.next() {
        let delete = format!("DELETE FROM shop.orders WHERE order_id = {id}");
        mysql.transaction(&[&delete, &orders::insert(&[id])]).await?;
        done.replaced += 1;
        done.transactions += 1;
    }
    let id = new + NEW;
    mysql
        .transaction(&[
            &orders::insert(&[id]),
            &format!("UPDATE shop.orders SET status = 'void' WHERE order_id = {id}"),
            &format!("DELETE FROM shop.orders WHERE order_id = {id}"),
        ])
        .await?;
    done.short_lived += 1;
    done.transactions += 2;
    Ok(())
}

fn at_most(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
