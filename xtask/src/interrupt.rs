//! Ctrl-C, SIGTERM and SIGHUP set a flag; whoever waits looks at it and cleans up on the way out.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::Error;

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on signals do not end this program but set the flag.
pub(crate) fn listen() -> Result<(), Error> {
    let flag = FLAG.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag))
            .map_err(|source: io::Error| Error::Start { program: "the signal handler".into(), source })?;
    }
    Ok(())
}

/// Whether the user wants us to stop.
pub(crate) fn requested() -> bool {
    FLAG.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// An error when the user wants us to stop.
pub(crate) fn check() -> Result<(), Error> {
    if requested() { Err(Error::Interrupted) } else { Ok(()) }
}
