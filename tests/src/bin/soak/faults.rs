//! What fails meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::{DmsTask, Error, Faults as Rules, Service, World};

const EVERY: Duration = Duration::from_secs(4);
/// How long a statement may hang.
const HANGS: Duration = Duration::from_secs(3);

/// Causes faults until it is told to end. How many; none waits any more.
pub(crate) async fn cause(world: &World, ends: &AtomicBool) -> Result<u32, Error> {
    let cause = Cause {
        rules: Rules::of(&world.sandbox, Service::Databend),
        dms: world.dms.clone(),
        name: world.name.clone(),
    };
    let mut count = 0;
    while !ends.load(Ordering::Relaxed) {
        tokio::time::sleep(EVERY).await;
        cause.one().await?;
        count += 1;
    }
    cause.rules.clear().await?;
    Ok(count)
}

struct Cause {
    rules: Rules,
    dms: DmsTask,
    name: String,
}

impl Cause {
    async fn one(&self) -> Result<(), Error> {
        let name = &self.name;
        let (copy, merge) = (format!("^COPY INTO \"{name}_raw\""), format!("^MERGE INTO \"{name}_ods\""));
        let comparison = format!("FROM \"{name}_ods\".\"orders\" WHERE");
        match fastrand::u32(0..8) {
            0 => self.rules.add(&copy, "error", 1).await,
            1 => self.rules.add(&copy, "drop_after", 1).await,
            2 => self.rules.add(&merge, "error", 1).await,
            3 => self.rules.add(&merge, "drop_after", 1).await,
            4 => self.rules.delay(&merge, HANGS, 1).await,
            5 => self.rules.delay(&comparison, HANGS, 1).await,
            6 => self.rules.delay(&copy, HANGS, 1).await,
            // It begins where it had stopped, and repeats changes.
            _ => {
                self.dms.stop().await?;
                self.dms.start("resume-processing").await
            }
        }
    }
}
