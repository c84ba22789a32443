use super::*;
use crate::usage::state::Event;
use std::os::unix::fs::PermissionsExt;
use std::thread;

const DAY_MS: i64 = 24 * 3_600_000;
const NOW_MS: i64 = 1_780_315_500_000;
const NO_WAIT: Duration = Duration::ZERO;

/// A child that another test is just starting holds every open lock until it runs its program.
const FORK_WAIT: Duration = Duration::from_secs(5);

fn event(developer: &str) -> Event {
    Event::new("", "mean5x", developer, 0..300_000, "n", "t", "{}".to_owned())
}

fn ready(path: &Path) -> Store {
    match Store::open(path, FORK_WAIT) {
        Opened::Ready(store) => *store,
        Opened::Held => panic!("{} is held", path.display()),
    }
}

/// A run that finds these developers' events for the receiver `x`.
fn find(store: &mut Store, developers: &[&str], now_ms: i64) {
    let events: Vec<Event> = developers.iter().map(|developer| event(developer)).collect();
    let run = Run { events: &events, receivers: &["x"], watermark_ms: Some(now_ms), catch_up_ms: DAY_MS, now_ms };
    store.note_run(&run);
}

fn pending(store: &Store) -> Vec<String> {
    store.state().pending("x").iter().map(|pending| pending.event.developer.clone()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_state_is_there_for_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/s.json");
    let mut store = ready(&path);
    assert_eq!(store.state(), &State::default());
    find(&mut store, &["a", "b"], NOW_MS);
    store.take("x", &[&event("a").id]);
    store.save();
    assert_eq!(store.troubles(), [""; 0]);
    drop(store);

    let store = ready(&path);
    assert_eq!(pending(&store), ["b"]);
    assert_eq!((store.state().watermark_ms(&["x"]), store.state().runs_total()), (Some(NOW_MS), 1));
    assert_eq!(names(path.parent().unwrap()), ["s.json", "s.json.journal", "s.json.lock"]);
    for file in ["s.json", "s.json.journal", "s.json.lock"] {
        let mode = path.with_file_name(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, FILE_MODE, "{file}");
    }
}

#[test]
fn what_was_found_and_taken_outlives_a_run_that_never_reaches_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.json");
    let mut store = ready(&path);
    find(&mut store, &["a", "b", "c"], NOW_MS);
    store.take("x", &[&event("a").id]);
    store.take("x", &[&event("b").id]);
    drop(store);

    assert_eq!(peek(&path).pending("x").len(), 1);
    let mut store = ready(&path);
    assert_eq!(pending(&store), ["c"]);
    find(&mut store, &["a", "b", "c", "d"], NOW_MS + 1);
    assert_eq!(pending(&store), ["c", "d"]);
    assert_eq!(store.state().anomalies_total(), 4);
    assert!(!path.with_file_name("s.json.journal").exists(), "the journal is in the state");
}

#[test]
fn a_broken_state_is_kept_aside_and_the_one_before_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.json");
    for round in 1..=3_i64 {
        let mut store = ready(&path);
        find(&mut store, &[format!("dev{round}").as_str()], NOW_MS + round);
        store.save();
    }
    let mut store = ready(&path);
    find(&mut store, &["late"], NOW_MS + 4);
    store.take("x", &[&event("late").id, &event("dev1").id]);
    store.save();
    drop(store);
    for n in 1..=2 {
        fs::write(&path, "{\"version\":1,\"wat").unwrap();
        let store = ready(&path);
        let aside = path.with_file_name(format!("s.json.corrupt-{n}"));
        assert_eq!(fs::read_to_string(&aside).unwrap(), "{\"version\":1,\"wat");
        let trouble = &store.troubles()[0];
        assert!(trouble.contains(aside.to_str().unwrap()) && trouble.contains("s.json.previous"), "{trouble}");
        // The watermark of the run before: this one's windows are tested again, and what was taken is known.
        assert_eq!(store.state().watermark_ms(&["x"]), Some(NOW_MS + 3));
        assert_eq!(pending(&store), ["dev2", "dev3"]);
        assert!(store.state().was_taken("x", &event("late").id));
    }
}

#[test]
fn a_broken_state_without_one_before_starts_afresh_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.json");
    let broken: [&[u8]; 4] = [b"", b"\0\0\0", b"{}", br#"{"version":99}"#];
    for (n, bytes) in (1..).zip(broken) {
        fs::write(&path, bytes).unwrap();
        let store = ready(&path);
        assert_eq!(store.state(), &State::default());
        assert!(store.troubles()[0].contains("starts afresh"), "{:?}", store.troubles());
        assert_eq!(fs::read(path.with_file_name(format!("s.json.corrupt-{n}"))).unwrap(), bytes);
        assert!(!path.exists());
    }
}

#[test]
fn a_state_that_can_be_neither_read_nor_moved_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.json");
    fs::create_dir(&path).unwrap();
    let mut store = ready(&path);
    find(&mut store, &["a"], NOW_MS);
    assert_eq!(pending(&store), ["a"]);
    assert!(store.troubles()[0].contains("cannot be read"), "{:?}", store.troubles());
    assert!(path.is_dir());
}

#[test]
fn a_folder_that_cannot_be_made_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let mut store = ready(&file.join("s.json"));
    find(&mut store, &["a"], NOW_MS);
    store.take("x", &[&event("a").id]);
    store.save();
    assert!(pending(&store).is_empty());
    assert!(store.troubles()[0].contains("folder cannot be made"), "{:?}", store.troubles());
}

#[test]
fn a_state_that_can_be_read_but_not_written_still_tells_what_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.json");
    let mut store = ready(&path);
    find(&mut store, &["a", "b"], NOW_MS);
    store.take("x", &[&event("a").id]);
    store.save();
    drop(store);
    let before = fs::read(&path).unwrap();
    let mut store = ready(&path);
    // Nothing can be written through a name that a folder has, nor to a device that is full.
    fs::create_dir(path.with_file_name("s.json.new")).unwrap();
    fs::remove_file(path.with_file_name("s.json.journal")).unwrap();
    std::os::unix::fs::symlink("/dev/full", path.with_file_name("s.json.journal")).unwrap();
    find(&mut store, &["a", "c"], NOW_MS + 1);
    assert_eq!(pending(&store), ["b", "c"]);
    store.take("x", &[&event("b").id]);
    store.take("x", &[&event("c").id]);
    store.save();
    let troubles = store.troubles().join("\n");
    assert!(troubles.contains("the state cannot be written") && troubles.contains("s.json.journal"), "{troubles}");
    assert_eq!(store.troubles().len(), 2, "{troubles}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_planted_link_is_not_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let (path, victim) = (folder.path().join("s.json"), folder.path().join("victim"));
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, path.with_file_name("s.json.new")).unwrap();
    let mut store = ready(&path);
    store.save();
    assert_eq!(store.troubles(), [""; 0]);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn only_one_scan_has_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.json");
    let store = ready(&path);
    assert!(matches!(Store::open(&path, NO_WAIT), Opened::Held));
    assert!(matches!(Store::open(&path, Duration::from_millis(120)), Opened::Held));
    assert!(matches!(Store::open(&folder.path().join("other.json"), NO_WAIT), Opened::Ready(_)));
    let waiting = {
        let path = path.clone();
        thread::spawn(move || matches!(Store::open(&path, Duration::from_secs(20)), Opened::Ready(_)))
    };
    thread::sleep(Duration::from_millis(100));
    assert!(!waiting.is_finished());
    drop(store);
    assert!(waiting.join().unwrap());
}
