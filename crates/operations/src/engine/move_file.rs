//! A file gets another path under its stage.

use super::trouble::{Trouble, not_moved};
use super::{Move, World};
use crate::files::FilesError;
use crate::lease::LeaseError;

/// Copies a file, compares, and only then removes it: there is no moment at which it is nowhere. What a killed run has left is
/// copied once more. `permission` is asked before the removal; the copy has it.
///
/// The copy is conditional on what was looked at, and S3 checks what it copies. The two are compared by size: with a key of
/// one's own (SSE-KMS) a copy has another `ETag`.
pub(super) async fn move_file<P>(
    world: &World,
    moved: &Move,
    permission: impl Fn() -> P,
) -> Result<(), Trouble>
where
    P: Future<Output = Result<(), LeaseError>>,
{
    let Move { storage, from, to, .. } = moved;
    let files = world.files.as_ref();
    let Some(seen) = files.look(storage, from).await.map_err(not_moved)? else {
        // An earlier try, whose answer was lost.
        if files.look(storage, to).await.map_err(not_moved)?.is_some() {
            return Ok(());
        }
        let gone = FilesError::Gone { file: storage.url(from), copy: storage.url(to) };
        return Err(Trouble::Final(gone.into()));
    };
    // What a killed run has copied is the same file.
    if let Some(other) = files.look(storage, to).await.map_err(not_moved)?
        && other.size != seen.size
    {
        let occupied = FilesError::Occupied { file: storage.url(from), by: storage.url(to) };
        return Err(Trouble::Final(occupied.into()));
    }
    files.copy(storage, from, &seen, to).await.map_err(not_moved)?;
    let copy = files.look(storage, to).await.map_err(not_moved)?;
    let found = copy.map_or(0, |copy| copy.size);
    if found != seen.size {
        return Err(not_moved(FilesError::CopyDiffers {
            file: storage.url(from),
            copy: storage.url(to),
            expected: seen.size,
            found,
        }));
    }
    world.go_on().map_err(Trouble::Final)?;
    permission().await.map_err(|error| Trouble::Final(error.into()))?;
    files.remove(storage, from).await.map_err(not_moved)
}
