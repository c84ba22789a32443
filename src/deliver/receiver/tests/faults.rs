//! Whatever a receiver does: no event is lost, and none is sent again to a receiver that took it.

use super::*;

#[test]
fn a_receiver_that_fails_once_gets_the_same_bytes_again() {
    let (_folder, path) = state_file();
    for (n, first) in
        [Reply::Status(500), Reply::Status(429), Reply::Status(503), Reply::Hangup].into_iter().enumerate()
    {
        let mut first = Some(first);
        let server = Server::start(move |_, _| first.take().unwrap_or(Reply::Status(200)));
        let name = format!("dev{n}");
        assert_eq!(counts(&run(&path, &[webhook(&server.url())], &[&name], NOW_MS)), (1, 0));
        let requests = server.requests();
        assert_eq!(server.ids(), [id(&name), id(&name)]);
        assert_eq!(requests[0].body, requests[1].body);
    }
}

#[test]
fn what_a_receiver_never_takes_in_a_run_is_sent_by_the_next() {
    let (_folder, path) = state_file();
    let server = Server::start(|n, _| Reply::Status(if n < 4 { 500 } else { 200 }));
    let receivers = [webhook(&server.url())];
    // Three tries for the first, one for the second: the receiver is known to be down by then.
    assert_eq!(counts(&run(&path, &receivers, &["a", "b"], NOW_MS)), (0, 2));
    assert_eq!(server.ids(), [id("a"), id("a"), id("a"), id("b")]);
    assert_eq!(counts(&run(&path, &receivers, &[], NOW_MS + 300_000)), (2, 0));
    assert_eq!(counts(&run(&path, &receivers, &["a", "b"], NOW_MS + 600_000)), (0, 0));
    assert_eq!(server.ids()[4..], [id("a"), id("b")]);
    let bodies = server.requests().into_iter().filter(|request| request.id() == id("a")).map(|request| request.body);
    assert!(bodies.into_iter().all(|body| body == event("a").body));
}

#[test]
fn an_event_that_a_receiver_chokes_on_holds_up_no_other() {
    let (_folder, path) = state_file();
    let bad = id("a");
    let server = Server::start(move |_, request| Reply::Status(if request.id() == bad { 500 } else { 200 }));
    let receivers = [webhook(&server.url())];
    assert_eq!(counts(&run(&path, &receivers, &["a", "b", "c"], NOW_MS)), (2, 1));
    assert_eq!(counts(&run(&path, &receivers, &["d"], NOW_MS + 1)), (1, 1));
    assert_eq!(server.ids()[5..], [id("d"), id("a"), id("a"), id("a")]);
}

#[test]
fn nobody_listens() {
    let (_folder, path) = state_file();
    let port = free_port();
    let receivers = [webhook(&format!("http://127.0.0.1:{port}/hook"))];
    let result = run(&path, &receivers, &["a", "b"], NOW_MS);
    assert_eq!(counts(&result), (0, 2));
    assert!(result.0[0].messages[0].contains("2 events not delivered: Connection refused"), "{:?}", result.0);
    let server = Server::start_on(port, |_, _| Reply::Status(200));
    assert_eq!(counts(&run(&path, &receivers, &["c"], NOW_MS + 300_000)), (3, 0));
    assert_eq!(server.ids().len(), 3);
}

#[test]
fn a_receiver_that_does_not_answer_in_time_costs_no_more_than_its_budget() {
    let (_folder, path) = state_file();
    let server = Server::start(|n, _| if n < 2 { Reply::Late(Duration::from_secs(3)) } else { Reply::Status(200) });
    let pace = Pace { budget: Duration::from_millis(500), ..QUICK };
    let receivers = [webhook(&server.url()).with_pace(pace)];
    let begun = Instant::now();
    let result = run(&path, &receivers, &["a", "b", "c"], NOW_MS);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(counts(&result), (0, 3));
    let said = result.0[0].messages.join("\n");
    assert!(said.contains("did not answer in time") && said.contains("was used up"), "{said}");
    assert_eq!(counts(&run(&path, &receivers, &[], NOW_MS + 300_000)), (3, 0));
}

#[test]
fn a_slow_receiver_gets_the_rest_from_the_next_run() {
    let (_folder, path) = state_file();
    let server = Server::start(|_, _| Reply::Late(Duration::from_millis(100)));
    let pace = Pace { budget: Duration::from_millis(250), ..QUICK };
    let receivers = [webhook(&server.url()).with_pace(pace)];
    let names: Vec<String> = (0..6).map(|n| format!("dev{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut runs = 0;
    loop {
        let (delivered, pending) = counts(&run(&path, &receivers, &names, NOW_MS + runs));
        assert!(delivered > 0);
        runs += 1;
        if pending == 0 {
            break;
        }
    }
    assert!(runs > 1);
    let expected: Vec<String> = names.iter().map(|name| id(name)).collect();
    assert_eq!(server.ids(), expected);
}

#[test]
fn an_answer_that_breaks_off_after_its_status_is_an_answer() {
    for reply in [|| Reply::CutBody, || Reply::HangingBody] {
        let (_folder, path) = state_file();
        let server = Server::start(move |_, _| reply());
        let receivers = [webhook(&server.url())];
        assert_eq!(counts(&run(&path, &receivers, &["a"], NOW_MS)), (1, 0));
        assert_eq!(counts(&run(&path, &receivers, &["a"], NOW_MS + 1)), (0, 0));
        assert_eq!(server.ids(), [id("a")]);
    }
}

#[test]
fn gone_ends_the_run_for_that_receiver() {
    let (_folder, path) = state_file();
    let server = Server::start(|_, _| Reply::Status(410));
    let result = run(&path, &[webhook(&server.url())], &["a", "b", "c"], NOW_MS);
    assert_eq!(counts(&result), (0, 3));
    assert!(result.0[0].messages[0].contains("410"), "{:?}", result.0);
    assert_eq!(server.ids(), [id("a")]);
}

#[test]
fn a_refusal_is_not_tried_again_within_the_run() {
    let (_folder, path) = state_file();
    let server = Server::start(|n, _| Reply::Status(if n == 0 { 400 } else { 200 }));
    let receivers = [webhook(&server.url())];
    assert_eq!(counts(&run(&path, &receivers, &["a", "b"], NOW_MS)), (1, 1));
    assert_eq!(counts(&run(&path, &receivers, &[], NOW_MS + 1)), (1, 0));
    assert_eq!(server.ids(), [id("a"), id("b"), id("a")]);
}

#[test]
fn a_redirect_is_not_followed() {
    let (_folder, path) = state_file();
    let server = Server::start(|_, request| match request.path.as_str() {
        "/hook" => Reply::With(307, "location: /elsewhere"),
        _ => Reply::Status(200),
    });
    assert_eq!(counts(&run(&path, &[webhook(&server.url())], &["a"], NOW_MS)), (0, 1));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_receiver_that_asks_for_patience_is_left_alone_for_as_long() {
    let (_folder, path) = state_file();
    let server = Server::start(|n, _| if n == 0 { Reply::With(429, "retry-after: 1") } else { Reply::Status(200) });
    let begun = Instant::now();
    assert_eq!(counts(&run(&path, &[webhook(&server.url())], &["a"], NOW_MS)), (1, 0));
    assert!(begun.elapsed() >= Duration::from_secs(1));

    let server = Server::start(|_, _| Reply::With(503, "retry-after: 18446744073709551615"));
    assert_eq!(counts(&run(&path, &[webhook(&server.url())], &["b"], NOW_MS)), (0, 1));
    assert_eq!(server.ids(), [id("b")]);
}

#[test]
fn of_two_receivers_one_is_down() {
    let (_folder, path) = state_file();
    let up = Server::start(|_, _| Reply::Status(200));
    let port = free_port();
    let receivers = [webhook(&format!("http://127.0.0.1:{port}/hook")), webhook(&up.url())];
    let totals = |deliveries: &[Delivery]| -> Vec<(u64, u64)> {
        deliveries.iter().map(|delivery| (delivery.delivered, delivery.pending)).collect()
    };
    let (deliveries, _) = run(&path, &receivers, &["a", "b"], NOW_MS);
    assert_eq!(totals(&deliveries), [(0, 2), (2, 0)]);
    let late = Server::start_on(port, |_, _| Reply::Status(200));
    let (deliveries, _) = run(&path, &receivers, &["a", "b"], NOW_MS + 300_000);
    assert_eq!(totals(&deliveries), [(2, 0), (0, 0)]);
    assert_eq!((up.ids(), late.ids()), (vec![id("a"), id("b")], vec![id("a"), id("b")]));
}

#[test]
fn what_is_pending_for_more_than_a_day_is_tried_once_more_and_given_up_aloud() {
    let (_folder, path) = state_file();
    let server = Server::start(|_, _| Reply::Status(500));
    let receivers = [webhook(&server.url())];
    run(&path, &receivers, &["a"], NOW_MS);
    assert_eq!(counts(&run(&path, &receivers, &[], NOW_MS + 24 * HOUR_MS)), (0, 1));
    let tries = server.ids().len();
    let (_, troubles) = run(&path, &receivers, &[], NOW_MS + 24 * HOUR_MS + 1);
    assert!(server.ids().len() > tries);
    assert!(troubles.len() == 1 && troubles[0].contains("1 event given up"), "{troubles:?}");
    assert!(ready(&path).state().pending(receivers[0].key()).is_empty());
}

#[test]
fn without_a_state_everything_is_sent_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let server = Server::start(|_, _| Reply::Status(200));
    let (deliveries, troubles) = run(&file.join("s.json"), &[webhook(&server.url())], &["a", "b"], NOW_MS);
    assert_eq!((deliveries[0].delivered, deliveries[0].pending), (2, 0));
    assert!(!troubles.is_empty());
    assert_eq!(server.ids(), [id("a"), id("b")]);
}

#[test]
fn a_state_that_breaks_costs_no_event_and_repeats_none() {
    let (_folder, path) = state_file();
    let server = Server::start(|n, _| Reply::Status(if n == 1 { 400 } else { 200 }));
    let receivers = [webhook(&server.url())];
    assert_eq!(counts(&run(&path, &receivers, &["a", "b"], NOW_MS)), (1, 1));
    assert_eq!(counts(&run(&path, &receivers, &["a", "c"], NOW_MS + 1)), (2, 0));
    std::fs::write(&path, "nonsense").unwrap();
    let (deliveries, troubles) = run(&path, &receivers, &["a", "b", "c", "d"], NOW_MS + 2);
    assert_eq!((deliveries[0].delivered, deliveries[0].pending), (1, 0));
    assert!(troubles.len() == 1 && troubles[0].contains("corrupt-1"), "{troubles:?}");
    assert_eq!(server.ids(), [id("a"), id("b"), id("c"), id("b"), id("d")]);
}

#[test]
fn scans_at_once_send_each_event_once() {
    let (_folder, path) = state_file();
    let server = Server::start(|_, _| Reply::Late(Duration::from_millis(20)));
    let scan = || {
        let Opened::Ready(mut store) = Store::open(&path, Duration::from_secs(20)) else { panic!("held") };
        let receivers = [webhook(&server.url())];
        let events = ["a", "b", "c"].map(event);
        let (catch_up_ms, keys) = (24 * HOUR_MS, [receivers[0].key()]);
        let run = Run { events: &events, receivers: &keys, watermark_ms: None, catch_up_ms, now_ms: NOW_MS };
        store.note_run(&run);
        deliver_pending(&mut store, &receivers, NOW_MS)[0].delivered
    };
    let delivered: u64 = thread::scope(|scope| {
        let scans = [(); 4].map(|()| scope.spawn(scan));
        scans.into_iter().map(|scan| scan.join().unwrap()).sum()
    });
    assert_eq!(delivered, 3);
    assert_eq!(server.ids(), [id("a"), id("b"), id("c")]);
}
