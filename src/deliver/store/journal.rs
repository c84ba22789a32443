//! Acknowledgements, one line each, on disk before the next event is sent.
//!
//! A line is receiver, id, age and a dot. A crash can leave a line without its end; such a line is no acknowledgement,
//! and its event is sent once more.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Ends a line, so that half of one is not taken for a whole one.
const END: &str = ".";

/// One acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken<'a> {
    /// The receiver's key.
    pub receiver: &'a str,
    /// The event's id.
    pub id: &'a str,
    /// The time from which its age counts, ms since the epoch.
    pub age_ms: i64,
}

impl<'a> Taken<'a> {
    /// Reads a line; `None` unless it is whole.
    pub(super) fn parse(line: &'a str) -> Option<Taken<'a>> {
        let mut parts = line.split(' ');
        let (receiver, id) = (parts.next()?, parts.next()?);
        let age_ms = parts.next()?.parse().ok()?;
        (parts.next()? == END && parts.next().is_none()).then_some(Taken { receiver, id, age_ms })
    }
}

/// The journal's file, opened when the first line is written.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Option<File>,
}

impl Journal {
    pub(super) fn new(path: PathBuf) -> Self {
        Journal { path, file: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The lines that stand there, none when there is no journal.
    pub(super) fn read(&self) -> io::Result<Vec<String>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Adds lines and waits until they are on disk.
    pub(super) fn append(&mut self, taken: &[Taken<'_>]) -> io::Result<()> {
        if taken.is_empty() {
            return Ok(());
        }
        // The line break in front ends what an earlier failure may have left half written.
        let mut lines = String::from("\n");
        for Taken { receiver, id, age_ms } in taken {
            lines += &format!("{receiver} {id} {age_ms} {END}\n");
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => File::options().append(true).create(true).mode(super::FILE_MODE).open(&self.path)?,
        };
        let file = self.file.insert(file);
        file.write_all(lines.as_bytes())?;
        file.sync_data()
    }

    /// Removes the journal; its acknowledgements stand in the state. One that stays does no harm: to take an event twice
    /// changes nothing.
    pub(super) fn clear(&mut self) {
        self.file = None;
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_count() {
        let whole = "a1 evt_2 -3 .";
        assert_eq!(Taken::parse(whole), Some(Taken { receiver: "a1", id: "evt_2", age_ms: -3 }));
        for cut in 0..whole.len() {
            assert_eq!(Taken::parse(&whole[..cut]), None, "{cut}");
        }
        for line in
            ["a1 evt_2 -3 . ", "a1 evt_2 -3 . .", "a1  evt_2 3 .", "a1 evt_2 x .", "a1 evt_2 99999999999999999999 ."]
        {
            assert_eq!(Taken::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_half_line_spoils_neither_what_stands_before_it_nor_what_comes_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        fs::write(&path, "a evt_1 1 .\na evt_2 1780").unwrap();
        let mut journal = Journal::new(path);
        journal.append(&[Taken { receiver: "a", id: "evt_3", age_ms: 3 }]).unwrap();
        let lines = journal.read().unwrap();
        let ids: Vec<&str> = lines.iter().filter_map(|line| Taken::parse(line)).map(|taken| taken.id).collect();
        assert_eq!(ids, ["evt_1", "evt_3"]);
        journal.clear();
        assert_eq!(journal.read().unwrap(), Vec::<String>::new());
    }
}
