//! A scan that is killed while a receiver has an event in its hands: the worst moment, as the receiver took it and the
//! sender does not know.

use super::*;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// Holds the child's state file and the receiver's URL.
const CHILD_VARIABLE: &str = "LEARN_TEST_KILLED_SCAN";

const DEVELOPERS: [&str; 4] = ["a", "b", "c", "d"];

/// The scan that is to be killed: this very program, started by the test below.
#[test]
fn child() {
    let Ok(variable) = std::env::var(CHILD_VARIABLE) else { return };
    let (path, url) = variable.split_once('\n').unwrap();
    // Patience, so that nothing but the kill ends the try.
    let pace = Pace { attempt_timeout: Duration::from_secs(60), ..QUICK };
    run(Path::new(path), &[webhook(url).with_pace(pace)], &DEVELOPERS, NOW_MS);
    unreachable!("this scan is killed before its end");
}

#[test]
fn one_event_is_repeated_under_the_same_id_and_none_is_lost() {
    for (fatal, developer) in DEVELOPERS.iter().enumerate() {
        let (_folder, path) = state_file();
        let victim: Arc<Mutex<Option<Child>>> = Arc::default();
        let killer = Arc::clone(&victim);
        let server = Server::start(move |n, _| {
            if n == fatal {
                let mut child = loop {
                    if let Some(child) = killer.lock().unwrap().take() {
                        break child;
                    }
                    thread::yield_now();
                };
                child.kill().unwrap();
                child.wait().unwrap();
            }
            Reply::Status(200)
        });
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "deliver::receiver::tests::killed::child"])
            .env(CHILD_VARIABLE, format!("{}\n{}", path.display(), server.url()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        *victim.lock().unwrap() = Some(child);
        let begun = Instant::now();
        while server.ids().len() <= fatal || victim.lock().unwrap().is_some() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the scan to be killed sent too little");
            thread::sleep(Duration::from_millis(5));
        }
        // The lock goes with the process.
        let receivers = [webhook(&server.url())];
        let next = loop {
            if let Opened::Ready(store) = Store::open(&path, Duration::from_secs(20)) {
                drop(store);
                break run(&path, &receivers, &DEVELOPERS, NOW_MS + 300_000);
            }
        };
        assert_eq!(counts(&next), ((DEVELOPERS.len() - fatal) as u64, 0));
        let mut expected: Vec<String> = DEVELOPERS.map(id).to_vec();
        expected.insert(fatal, id(developer));
        assert_eq!(server.ids(), expected);
    }
}
