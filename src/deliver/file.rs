//! Results to a file, whole or not at all, or to standard output.

use anyhow::Context;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Writes a file through a temporary one beside it, which takes its name only when it is complete and on disk.
/// A symbolic link stays: the file that it leads to is written.
///
/// # Errors
/// The file's name, what stood in the way and, where that is known, what to do about it.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let failed = || format!("{}: cannot be written", path.display());
    // A pipe or a device cannot be replaced by a file.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return fill(&mut File::create(path).with_context(failed)?, write).with_context(failed);
    }
    let target = target_of(path);
    let mut file = create_beside(&target).with_context(failed)?;
    // The file inside: the wrapper would add the temporary name to what the operating system says.
    fill(file.as_file_mut(), write).with_context(failed)?;
    file.as_file().sync_all().with_context(failed)?;
    file.persist(&target).map_err(|error| advise_on_target(error.error)).with_context(failed)?;
    Ok(())
}

/// Whether [`write_atomically`] can begin, to be known before hours of work rather than after.
///
/// # Errors
/// The same as there.
pub fn check_writable(path: &Path) -> anyhow::Result<()> {
    let failed = || format!("{}: cannot be written", path.display());
    if path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        // Opening a pipe would wait for its reader.
        return Ok(());
    }
    if path.is_dir() {
        let is_folder = io::Error::from(io::ErrorKind::IsADirectory);
        return Err(advise_on_target(is_folder)).with_context(failed);
    }
    create_beside(&target_of(path)).map(drop).with_context(failed)
}

/// Where a symbolic link leads, be there a file or not; any other path as it is.
fn target_of(path: &Path) -> PathBuf {
    let Ok(link) = path.read_link() else { return path.to_owned() };
    path.canonicalize().unwrap_or_else(|_| path.parent().unwrap_or(Path::new("")).join(link))
}

fn fill(file: &mut File, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    Ok(out.flush()?)
}

/// A temporary file in the folder of `path`, with the permissions that the finished one is to have.
fn create_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let create = |name: &Path| {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(mode_of(path)).open(name)
    };
    tempfile::Builder::new().prefix(".learn-").make_in(folder, create).map_err(|error| advise_on_folder(folder, error))
}

/// That of the file that is replaced, else what a new file gets (the umask still applies).
fn mode_of(path: &Path) -> u32 {
    const NEW_FILE_MODE: u32 = 0o666;
    path.metadata().map_or(NEW_FILE_MODE, |metadata| metadata.permissions().mode())
}

/// Says what to do about a folder in which no file can be created.
fn advise_on_folder(folder: &Path, error: io::Error) -> io::Error {
    let shown = folder.display();
    let advice = match error.kind() {
        io::ErrorKind::NotFound => format!("the folder {shown} does not exist; create it or choose another"),
        io::ErrorKind::NotADirectory => format!("{shown} is not a folder; choose another"),
        io::ErrorKind::PermissionDenied => {
            format!("no permission to create a file in the folder {shown}; choose another or have it granted")
        }
        io::ErrorKind::ReadOnlyFilesystem => format!("the folder {shown} is read-only; choose another"),
        _ => return error,
    };
    io::Error::new(error.kind(), advice)
}

/// Says what to do about a name that the finished file cannot take.
fn advise_on_target(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::IsADirectory => io::Error::new(error.kind(), "it is a folder; add the name of a file"),
        _ => error,
    }
}

/// Writes to standard output, piece by piece.
///
/// # Errors
/// Those of `write`, and what the operating system said.
pub fn stream_stdout(write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    write(&mut out)?;
    Ok(out.flush()?)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: &Path) -> Result<(), String> {
        write_atomically(path, |out| Ok(out.write_all(b"whole")?)).map_err(|error| format!("{error:#}"))
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_replaced_with_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        std::fs::write(&path, "before").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        written(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["out"]);
    }

    #[test]
    fn a_link_stays_and_its_target_is_written() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("elsewhere")).unwrap();
        let target = folder.path().join("elsewhere/out");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("elsewhere/out", &link).unwrap();
        for before in [None, Some("before")] {
            before.iter().for_each(|before| std::fs::write(&target, before).unwrap());
            written(&link).unwrap();
            assert_eq!(std::fs::read(&target).unwrap(), b"whole");
            assert!(link.is_symlink());
            assert_eq!(names(&folder.path().join("elsewhere")), ["out"]);
        }
    }

    #[test]
    fn a_failure_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        std::fs::write(&path, "before").unwrap();
        let failed = write_atomically(&path, |out| {
            out.write_all(b"half")?;
            anyhow::bail!("broken off")
        });
        assert_eq!(format!("{:#}", failed.unwrap_err()), format!("{}: cannot be written: broken off", path.display()));
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        assert_eq!(names(folder.path()), ["out"]);
    }

    #[test]
    fn an_error_names_the_target_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let (here, file) = (folder.path().display(), folder.path().join("file"));
        std::fs::write(&file, "").unwrap();
        let check = |name: &str, advice: String| {
            let path = folder.path().join(name);
            assert_eq!(written(&path), Err(format!("{}: cannot be written: {advice}", path.display())));
        };
        check("nowhere/out", format!("the folder {here}/nowhere does not exist; create it or choose another"));
        check("file/out", format!("{here}/file is not a folder; choose another"));
        std::fs::create_dir(folder.path().join("taken")).unwrap();
        check("taken", "it is a folder; add the name of a file".to_owned());
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn what_cannot_be_written_is_known_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "before").unwrap();
        std::fs::create_dir(folder.path().join("taken")).unwrap();
        let told = |result: anyhow::Result<()>| result.map_err(|error| format!("{error:#}"));
        for name in ["nowhere/out", "file/out", "taken"] {
            let path = folder.path().join(name);
            assert_eq!(told(check_writable(&path)), written(&path), "{name}");
            assert!(check_writable(&path).is_err(), "{name}");
        }
        for name in ["new", "file"] {
            assert_eq!(told(check_writable(&folder.path().join(name))), Ok(()));
        }
        assert_eq!(std::fs::read(folder.path().join("file")).unwrap(), b"before");
        assert_eq!(names(folder.path()).len(), 2);
        assert!(check_writable(Path::new("/dev/null")).is_ok());
    }

    /// What cannot be brought about for every user who may run the tests.
    #[test]
    fn a_folder_that_takes_no_file_is_named() {
        let check = |kind: io::ErrorKind, expected: &str| {
            assert_eq!(advise_on_folder(Path::new("logs"), kind.into()).to_string(), expected);
        };
        check(
            io::ErrorKind::PermissionDenied,
            "no permission to create a file in the folder logs; choose another or have it granted",
        );
        check(io::ErrorKind::ReadOnlyFilesystem, "the folder logs is read-only; choose another");
        let other = io::ErrorKind::StorageFull;
        check(other, &io::Error::from(other).to_string());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_is_an_error_with_the_name_alone() {
        let told = written(Path::new("/dev/full"));
        assert_eq!(told, Err("/dev/full: cannot be written: No space left on device (os error 28)".to_owned()));
    }
}
