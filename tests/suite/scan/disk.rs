//! Disks that take no state: full ones and read-only ones, the real thing where this user may mount.

use super::delivery::{Ran, run, spiking};
use super::receiver::Receiver;
use super::server::{Database, is_root};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A file system of a few pages in a mount namespace of its own, reached through the process that keeps that alive.
struct SmallDisk {
    keeper: Child,
    answers: BufReader<std::process::ChildStdout>,
    folder: PathBuf,
}

impl SmallDisk {
    /// `None` where this user may not mount, as in some containers.
    fn mount(at: &Path) -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(if is_root() { &["--mount"][..] } else { &["--mount", "--map-root-user"] }).args(["--", "sh"]);
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let answers = BufReader::new(keeper.stdout.take()?);
        let inside = at.strip_prefix("/").unwrap();
        let folder = Path::new("/proc").join(keeper.id().to_string()).join("root").join(inside);
        let mut disk = SmallDisk { keeper, answers, folder };
        let is_mounted = disk.order(&format!("mount -t tmpfs -o size=32k learn-test '{}'", at.display()));
        is_mounted.then_some(disk)
    }

    /// Whether a shell line inside of the namespace succeeds.
    fn order(&mut self, line: &str) -> bool {
        let Some(stdin) = &mut self.keeper.stdin else { return false };
        let mut answer = String::new();
        let asked = writeln!(stdin, "{line} && echo done || echo failed");
        asked.is_ok() && self.answers.read_line(&mut answer).is_ok() && answer == "done\n"
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.keeper.kill().ok();
        self.keeper.wait().ok();
    }
}

/// What is the matter with the disk, and what the system calls it.
enum Trouble {
    Full(SmallDisk),
    ReadOnly(SmallDisk, PathBuf),
    /// No file may have a byte.
    FileLimit(PathBuf),
    /// A folder that may not be written to, not even by root.
    Permission(PathBuf),
}

impl Trouble {
    fn folder(&self) -> &Path {
        match self {
            Trouble::Full(disk) | Trouble::ReadOnly(disk, _) => &disk.folder,
            Trouble::FileLimit(folder) | Trouble::Permission(folder) => folder,
        }
    }

    fn message(&self) -> &'static str {
        match self {
            Trouble::Full(_) => "No space left on device",
            Trouble::ReadOnly(..) => "Read-only file system",
            Trouble::FileLimit(_) => "File too large",
            Trouble::Permission(_) => "Permission denied",
        }
    }

    /// Runs the command while the trouble lasts.
    fn run(&mut self, command: Command) -> Ran {
        match self {
            Trouble::Full(disk) => {
                let filler = disk.folder.join("filler");
                let full = std::fs::write(&filler, [0; 1 << 20]).unwrap_err();
                assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
                let ran = run(command);
                std::fs::remove_file(filler).unwrap();
                ran
            }
            Trouble::ReadOnly(disk, at) => {
                assert!(disk.order(&format!("mount -o remount,ro '{}'", at.display())));
                let ran = run(command);
                assert!(disk.order(&format!("mount -o remount,rw '{}'", at.display())));
                ran
            }
            Trouble::FileLimit(_) => {
                run(through("sh", &["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""], command))
            }
            Trouble::Permission(folder) => {
                let set_mode = |mode| std::fs::set_permissions(&*folder, PermissionsExt::from_mode(mode)).unwrap();
                set_mode(0o555);
                let ran = run(if is_root() {
                    through("setpriv", &["--bounding-set", "-dac_override", "--"], command)
                } else {
                    command
                });
                set_mode(0o755);
                ran
            }
        }
    }
}

/// The command as the last words of another one.
fn through(program: &str, first: &[&str], command: Command) -> Command {
    let mut outer = Command::new(program);
    outer.args(first).arg(command.get_program()).args(command.get_args()).env_clear();
    outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer.current_dir(command.get_current_dir().unwrap());
    outer
}

/// What can be had of a kind here: one way that every user has, and a real disk where mounting is allowed.
fn troubles(
    place: &Path,
    everywhere: fn(PathBuf) -> Trouble,
    mounted: fn(SmallDisk, PathBuf) -> Trouble,
) -> Vec<Trouble> {
    let folder = |name: &str| {
        let folder = place.join(name);
        std::fs::create_dir(&folder).unwrap();
        folder.canonicalize().unwrap()
    };
    let at = folder("disk");
    let disk = SmallDisk::mount(&at);
    [everywhere(folder("plain"))].into_iter().chain(disk.map(|disk| mounted(disk, at))).collect()
}

/// While the disk is in trouble the event is delivered and the old state stays; afterwards it comes at most once more, with
/// the same id.
fn assert_nothing_is_lost(name: &str, mut trouble: Trouble) {
    let (database, place, receiver) = (Database::new(name), tempfile::tempdir().unwrap(), Receiver::willing());
    spiking(&database);
    let path = trouble.folder().join("state.json");
    let scan = |at: &str| {
        let at = format!("2026-06-01T{at}Z");
        database.scan(place.path(), &["--as-of", &at, "--state", path.to_str().unwrap(), "--webhook", &receiver.url])
    };
    let ran = run(scan("12:05:00"));
    assert_eq!((ran.code, receiver.ids().len()), (Some(0), 1), "{}", ran.err);
    let before = std::fs::read(&path).unwrap();

    let ran = trouble.run(scan("12:10:00"));
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("the state cannot be written") && ran.err.contains(trouble.message()), "{}", ran.err);
    let ids = receiver.ids();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
    assert!(receiver.seen()[1].body.contains("dev_2"));
    assert_eq!(std::fs::read(&path).unwrap(), before, "half a state stands there");

    for at in ["12:11:00", "12:12:00"] {
        let ran = run(scan(at));
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    }
    let after = receiver.ids();
    assert!(after.len() <= 3 && after[2..].iter().all(|id| *id == ids[1]), "{after:?}");
    let state: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(state["anomaliesTotal"], 2);
}

#[test]
fn a_full_disk_keeps_no_event_back() {
    let place = tempfile::tempdir().unwrap();
    let troubles = troubles(place.path(), Trouble::FileLimit, |disk, _| Trouble::Full(disk));
    for (number, trouble) in troubles.into_iter().enumerate() {
        assert_nothing_is_lost(&format!("full_disk_{number}"), trouble);
    }
}

#[test]
fn a_read_only_folder_keeps_no_event_back() {
    let place = tempfile::tempdir().unwrap();
    for (number, trouble) in troubles(place.path(), Trouble::Permission, Trouble::ReadOnly).into_iter().enumerate() {
        assert_nothing_is_lost(&format!("read_only_{number}"), trouble);
    }
}
