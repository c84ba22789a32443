//! The state's file: one run at a time, whole or not at all, and never a reason to keep an event back.
//!
//! Beside the state `S` stand `S.lock` (held while a scan runs, never removed), `S.journal` (acknowledgements since the
//! run began), `S.previous` (the state that the run found, so that a broken `S` costs nothing) and `S.learnt` (what a
//! rule has learnt; without it the rule learns anew from the rows). A run writes, in this
//! order: `S.previous`, then `S` with all its findings queued, then one journal line for each acknowledgement as it comes,
//! then `S` again. Killed anywhere, the next run finds every event that was not acknowledged, and repeats at most the
//! one whose acknowledgement was under way. Nothing here fails a run: what went wrong is kept as a trouble, to be told
//! at its end.

mod journal;
mod lock;

use crate::usage::state::{Run, State};
use journal::{Journal, Taken};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a scan waits for another one to end.
pub const LOCK_WAIT: Duration = Duration::from_secs(30);

/// The suffix of what a rule has learnt.
const LEARNT: &str = "learnt";

/// For the user alone: events name customers.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// What became of opening a state.
#[derive(Debug)]
pub enum Opened {
    /// The state is this run's.
    Ready(Box<Store>),
    /// Another run has it and kept it for the whole wait.
    Held,
}

/// A state, its file and its lock.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    state: State,
    journal: Journal,
    /// Locked as long as it is open.
    _lock: Option<File>,
    /// The file's bytes as this run found them, until they are written to `S.previous`.
    found: Option<Vec<u8>>,
    /// Set when what stands in the file's place could neither be read nor set aside: it is not written over.
    is_untouchable: bool,
    troubles: Vec<String>,
}

impl Store {
    /// Opens the state in `path`, waiting for another run at most as long as `wait`. A folder that is missing is made,
    /// a missing file is an empty state. A file that is no state is renamed to `.corrupt-<n>` and the state of the run
    /// before is taken up.
    pub fn open(path: &Path, wait: Duration) -> Opened {
        let mut store = Store {
            path: path.to_owned(),
            state: State::default(),
            journal: Journal::new(beside(path, "journal")),
            _lock: None,
            found: None,
            is_untouchable: false,
            troubles: Vec::new(),
        };
        let folder = folder_of(path);
        let locked = make_folder(folder).map(|()| lock::acquire(&beside(path, "lock"), wait));
        match locked {
            Ok(Ok(Some(lock))) => store._lock = Some(lock),
            Ok(Ok(None)) => return Opened::Held,
            Ok(Err(error)) => store.add_trouble(format!(
                "{}: cannot be locked ({error}); two scans at once may send an event twice",
                beside(path, "lock").display()
            )),
            Err(error) => store.add_trouble(format!(
                "{}: the state's folder cannot be made ({error}); later runs may send this run's events again",
                folder.display()
            )),
        }
        store.load();
        Opened::Ready(Box::new(store))
    }

    /// What is remembered.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What is remembered, to be changed; [`Store::save`] keeps the change.
    pub fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// What went wrong so far, each with its consequence.
    pub fn troubles(&self) -> &[String] {
        &self.troubles
    }

    /// Notes what a run found ([`State::note_run`]) and writes it down, before anything of it is sent or printed.
    pub fn note_run(&mut self, run: &Run<'_>) {
        self.state.note_run(run);
        if let Some(found) = self.found.take() {
            let previous = beside(&self.path, "previous");
            if let Err(error) = write_whole(&previous, &found) {
                self.add_trouble(format!("{}: cannot be written ({error})", previous.display()));
            }
        }
        if self.try_save() {
            self.journal.clear();
        }
    }

    /// Writes down that the receiver with this key took these events; those that are not pending for it are skipped.
    pub fn take(&mut self, receiver: &str, ids: &[&str]) {
        let state = &mut self.state;
        let taken: Vec<Taken<'_>> = ids
            .iter()
            .filter_map(|&id| state.take(receiver, id).map(|age_ms| Taken { receiver, id, age_ms }))
            .collect();
        if let Err(error) = self.journal.append(&taken) {
            self.add_trouble(format!(
                "{}: cannot be written ({error}); were this run killed, the next one would send its events again",
                self.journal.path().display()
            ));
        }
    }

    /// Gives up what has been pending for too long ([`State::give_up`]).
    pub fn give_up(&mut self, now_ms: i64) -> Vec<(String, usize)> {
        self.state.give_up(now_ms)
    }

    /// Writes the state. A failure is a trouble.
    pub fn save(&mut self) {
        self.try_save();
    }

    /// What a rule learnt in earlier runs; `None` when nothing was, or it cannot be read.
    pub fn read_learnt(&mut self) -> Option<Vec<u8>> {
        let path = beside(&self.path, LEARNT);
        match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            Err(error) => {
                self.add_trouble(format!("{}: cannot be read ({error}); the rule learns anew", path.display()));
                None
            }
        }
    }

    /// Writes what a rule has learnt; after the state, so that it never knows windows whose findings were lost.
    pub fn write_learnt(&mut self, bytes: &[u8]) {
        let path = beside(&self.path, LEARNT);
        if let Err(error) = write_whole(&path, bytes) {
            self.add_trouble(format!(
                "{}: cannot be written ({error}); the next run learns more again",
                path.display()
            ));
        }
    }

    /// Sets aside what a rule learnt and cannot read, because of `reason`.
    pub fn set_learnt_aside(&mut self, reason: &str) {
        let path = beside(&self.path, LEARNT);
        let kept = match set_aside(&path) {
            Ok(aside) => format!("it is kept as {}", aside.display()),
            Err(error) => format!("it cannot be renamed ({error})"),
        };
        self.add_trouble(format!("{}: {reason}; {kept}, and the rule learns anew from the rows", path.display()));
    }

    fn try_save(&mut self) -> bool {
        if self.is_untouchable {
            return false;
        }
        let written = self.state.to_json().map_err(io::Error::from).and_then(|bytes| write_whole(&self.path, &bytes));
        if let Err(error) = &written {
            self.add_trouble(format!(
                "{}: the state cannot be written ({error}); later runs may send this run's events again",
                self.path.display()
            ));
        }
        written.is_ok()
    }

    fn load(&mut self) {
        match fs::read(&self.path) {
            Ok(bytes) => match State::from_json(&bytes) {
                Ok(state) => {
                    self.state = state;
                    self.found = Some(bytes);
                }
                Err(reason) => self.recover(&reason.to_string()),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // A folder is missing, or a file stands in its place: said already.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => self.is_untouchable = true,
            Err(error) => {
                self.is_untouchable = true;
                self.add_trouble(format!(
                    "{}: the state cannot be read ({error}); this run goes on without it and leaves it as it is",
                    self.path.display()
                ));
            }
        }
        match self.journal.read() {
            Ok(lines) => lines.iter().filter_map(|line| Taken::parse(line)).for_each(|taken| {
                self.state.restore_taken(taken.receiver, taken.id, taken.age_ms);
            }),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
            Err(error) => self.add_trouble(format!(
                "{}: cannot be read ({error}); events of a run that was killed may be sent again",
                self.journal.path().display()
            )),
        }
    }

    /// Sets a broken file aside and takes up the state of the run before, if that can be read.
    fn recover(&mut self, reason: &str) {
        let shown = self.path.display();
        let kept = match set_aside(&self.path) {
            Ok(aside) => format!("{shown}: {reason}; it is kept as {}", aside.display()),
            Err(error) => {
                self.is_untouchable = true;
                format!("{shown}: {reason}; it cannot be renamed ({error}) and is left as it is")
            }
        };
        let previous = beside(&self.path, "previous");
        let consequence = match fs::read(&previous).ok().and_then(|bytes| State::from_json(&bytes).ok()) {
            Some(state) => {
                self.state = state;
                format!("this run goes on from {}", previous.display())
            }
            None => {
                "this run starts afresh: events may be sent again, and windows since the last run go untested unless \
                     --from and --to name them"
                    .to_owned()
            }
        };
        self.add_trouble(format!("{kept}; {consequence}"));
    }

    /// Each trouble is told once, however often it comes back.
    pub(super) fn add_trouble(&mut self, trouble: String) {
        if !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }
}

/// The state in `path` without its lock and without a change to anything; empty when there is none to be read.
pub fn peek(path: &Path) -> State {
    let mut state = fs::read(path).ok().and_then(|bytes| State::from_json(&bytes).ok()).unwrap_or_default();
    let lines = Journal::new(beside(path, "journal")).read().unwrap_or_default();
    for taken in lines.iter().filter_map(|line| Taken::parse(line)) {
        state.restore_taken(taken.receiver, taken.id, taken.age_ms);
    }
    state
}

/// `S.<suffix>` for the state `S`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}

/// Renames to the first `.corrupt-<n>` that is free.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let free = (1_u32..).map(|n| beside(path, &format!("corrupt-{n}"))).find(|aside| aside.symlink_metadata().is_err());
    let aside = free.ok_or(io::ErrorKind::AlreadyExists)?;
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// Replaces a file in one step that a crash or a power cut cannot split.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = beside(path, "new");
    // What a killed run left behind. The lock keeps others away, and a fresh file follows no link planted there.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = (|| {
        let mut file = File::options().write(true).create_new(true).mode(FILE_MODE).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(folder_of(path))?.sync_all()
    })();
    if written.is_err() {
        // A full disk is not to be kept full; the error that matters is the first one.
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests;
