//! One scan at a time.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two looks at a lock that another process holds.
const POLL: Duration = Duration::from_millis(50);

/// Locks the file, which is made if need be; `None` when another process held it all the time. The lock lasts until the
/// file is closed, by whatever end the process comes to.
pub(super) fn acquire(path: &Path, wait: Duration) -> io::Result<Option<File>> {
    let file = open(path)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if begun.elapsed() >= wait => return Ok(None),
            Err(TryLockError::WouldBlock) => std::thread::sleep(POLL.min(wait)),
        }
    }
}

/// A lock needs no write permission where the file stands already.
fn open(path: &Path) -> io::Result<File> {
    let created = File::options().write(true).create(true).truncate(false).mode(super::FILE_MODE).open(path);
    created.or_else(|error| File::open(path).map_err(|_| error))
}
