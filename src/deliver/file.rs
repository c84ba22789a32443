//! Results to a file, whole or not at all, or to standard output.

use anyhow::Context;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes a file through a temporary one beside it, which takes its name only when it is complete.
///
/// # Errors
/// The file's name and what the operating system said.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let failed = || format!("{}: cannot be written", path.display());
    // A pipe or a device cannot be replaced by a file.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        let mut out = BufWriter::new(std::fs::File::create(path).with_context(failed)?);
        write(&mut out)?;
        return out.flush().with_context(failed);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .permissions(permissions_of(path))
        .prefix(".learn-")
        .tempfile_in(folder)
        .with_context(failed)?;
    let mut out = BufWriter::new(&mut file);
    write(&mut out)?;
    out.flush().with_context(failed)?;
    drop(out);
    file.persist(path).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}

/// Those of the file that is replaced, else what a new file gets (the umask still applies).
fn permissions_of(path: &Path) -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    const NEW_FILE_MODE: u32 = 0o666;
    path.metadata().map_or_else(|_| std::fs::Permissions::from_mode(NEW_FILE_MODE), |metadata| metadata.permissions())
}

/// Writes to standard output.
///
/// # Errors
/// What the operating system said; a reader that went away is [`io::ErrorKind::BrokenPipe`].
pub fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}
