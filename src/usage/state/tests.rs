use super::*;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const NOW_MS: i64 = 1_780_315_500_000;

fn event(developer: &str, window_start_ms: i64) -> Event {
    Event::new("", "mean5x", developer, window_start_ms..window_start_ms + 300_000, "n", "t", format!("{developer:?}"))
}

fn run<'a>(events: &'a [Event], receivers: &'a [&'a str], now_ms: i64) -> Run<'a> {
    Run { events, receivers, watermark_ms: Some(now_ms), catch_up_ms: DAY_MS, now_ms }
}

fn bodies(state: &State, receiver: &str) -> Vec<String> {
    state.pending(receiver).iter().map(|pending| pending.event.body.clone()).collect()
}

#[test]
fn an_event_is_queued_once_for_each_receiver_until_it_is_taken() {
    let mut state = State::default();
    let events = [event("b", 300_000), event("a", 300_000), event("z", 0)];
    state.note_run(&run(&events, &["x", "y"], NOW_MS));
    state.note_run(&run(&events, &["x", "y"], NOW_MS + 300_000));
    assert_eq!(bodies(&state, "x"), ["\"z\"", "\"a\"", "\"b\""]);
    assert_eq!((state.runs_total(), state.anomalies_total()), (2, 3));

    assert!(state.take("x", &events[0].id).is_some());
    assert_eq!(state.take("x", &events[0].id), None);
    assert!(state.was_taken("x", &events[0].id) && !state.was_taken("y", &events[0].id));
    state.note_run(&run(&events, &["x", "y"], NOW_MS + 600_000));
    assert_eq!(bodies(&state, "x"), ["\"z\"", "\"a\""]);
    assert_eq!(bodies(&state, "y").len(), 3);
}

#[test]
fn the_first_body_is_the_one_that_is_sent() {
    let mut state = State::default();
    state.note_run(&run(&[event("a", 0)], &["x"], NOW_MS));
    let mut later = event("a", 0);
    later.body = "late rows have come".to_owned();
    state.note_run(&run(&[later], &["x"], NOW_MS + 1));
    assert_eq!(bodies(&state, "x"), ["\"a\""]);
}

#[test]
fn what_failed_goes_behind_what_was_not_tried() {
    let mut state = State::default();
    let events = [event("a", 0), event("b", 0)];
    state.note_run(&run(&events, &["x"], NOW_MS));
    state.note_failure("x", &events[0].id);
    assert_eq!(bodies(&state, "x"), ["\"b\"", "\"a\""]);
}

#[test]
fn an_event_is_given_up_after_a_day() {
    let mut state = State::default();
    state.note_run(&run(&[event("a", 0)], &["x"], NOW_MS));
    assert_eq!(state.give_up(NOW_MS + DAY_MS), []);
    assert_eq!(state.give_up(NOW_MS + DAY_MS + 1), [("x".to_owned(), 1)]);
    assert_eq!(state.pending("x"), Vec::<&Pending>::new());
}

#[test]
fn ids_are_kept_while_their_window_can_be_tested_again_and_then_forgotten() {
    let mut state = State::default();
    let events = [event("a", NOW_MS)];
    state.note_run(&run(&events, &["x"], NOW_MS));
    state.take("x", &events[0].id);
    let last_ms = NOW_MS + DAY_MS + MARGIN_MS;
    state.note_run(&run(&[], &["x"], last_ms));
    assert!(state.was_taken("x", &events[0].id));
    state.note_run(&run(&[], &["x"], last_ms + 1));
    assert!(!state.was_taken("x", &events[0].id));
    assert!(state.counted.is_empty() && state.receivers.is_empty());
}

#[test]
fn a_window_of_long_ago_ages_from_the_run_that_found_it() {
    let mut state = State::default();
    let events = [event("a", NOW_MS - 90 * DAY_MS)];
    state.note_run(&run(&events, &["x"], NOW_MS));
    state.take("x", &events[0].id);
    state.note_run(&run(&events, &["x"], NOW_MS + DAY_MS));
    assert!(state.pending("x").is_empty());
    assert_eq!(state.anomalies_total(), 1);
}

#[test]
fn the_watermark_never_moves_back() {
    let mut state = State::default();
    assert_eq!(state.watermark_ms(&["a"]), None);
    state.note_run(&run(&[], &["a"], NOW_MS));
    state.note_run(&run(&[], &["a"], NOW_MS - 1));
    state.note_run(&Run { watermark_ms: None, ..run(&[], &["a"], NOW_MS) });
    assert_eq!(state.watermark_ms(&["a"]), Some(NOW_MS));
}

#[test]
fn a_state_survives_its_file() {
    let mut state = State::default();
    let events = [event("a\u{0}\u{1b}\u{fffd}", i64::MIN / 2), event("b", 0)];
    state.note_run(&run(&events, &["x", PRINTED], NOW_MS));
    state.take(PRINTED, &events[1].id);
    state.note_failure("x", &events[1].id);
    state.set_success(NOW_MS);
    let bytes = state.to_json().unwrap();
    assert_eq!(State::from_json(&bytes).unwrap(), state);
}

#[test]
fn anything_but_a_state_of_this_version_is_refused() {
    let bytes = State::default().to_json().unwrap();
    assert!(State::from_json(&bytes).is_ok());
    for cut in 0..bytes.len() - 2 {
        assert!(matches!(State::from_json(&bytes[..cut]), Err(Unreadable::Malformed(_))), "cut at {cut}");
    }
    for broken in ["{}", "[]", "null", r#"{"version":1}"#, r#"{"version":-1}"#, "\u{0}\u{0}\u{0}\u{0}"] {
        assert!(matches!(State::from_json(broken.as_bytes()), Err(Unreadable::Malformed(_))), "{broken}");
    }
    let newer = String::from_utf8(bytes).unwrap().replace(r#""version":1"#, r#""version":2"#);
    assert!(matches!(State::from_json(newer.as_bytes()), Err(Unreadable::Version(2))));
}

#[test]
fn a_run_for_others_does_not_move_a_receiver_s_watermark() {
    let mut state = State::default();
    state.note_run(&run(&[], &["a", "b"], NOW_MS));
    state.note_run(&run(&[], &["b", "c"], NOW_MS + 9));
    let watermarks = [&["a"][..], &["b"], &["a", "b"], &["new"], &["new", "c"]].map(|keys| state.watermark_ms(keys));
    let expected = [NOW_MS, NOW_MS + 9, NOW_MS].map(Some).into_iter().chain([None, Some(NOW_MS + 9)]);
    assert_eq!(watermarks.to_vec(), expected.collect::<Vec<_>>());
}
