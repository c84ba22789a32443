//! What comes back out of a trace, against a plain stable sort.

use super::fields::plain_visit;
use super::record::Try;
use super::*;
use proptest::prelude::*;

fn visit(ended_ms: i64, endpoint: u32) -> Visit {
    Visit { endpoint, ..plain_visit(ended_ms) }
}

fn replayed(trace: &Trace) -> Vec<Visit> {
    let mut visits = Vec::new();
    let take = |visit: &Visit| {
        visits.push(visit.clone());
        Ok(())
    };
    trace.replay(take).unwrap();
    visits
}

#[test]
fn every_field_comes_back_and_names_are_the_runs() {
    let tries = vec![
        Try { upstream: 1, status: None, duration_us: None },
        Try { upstream: 0, status: Some(502), duration_us: Some(7) },
    ];
    let whole = Visit {
        duration_ns: Some(0),
        status: 599,
        cache: CacheState::Hit,
        priority: Priority::Low,
        client: u64::MAX,
        memory_bytes: Some(1.5),
        cpu: Some(-2.0),
        tries,
        ..visit(i64::MIN, 0)
    };
    let other = Visit { cache: CacheState::Miss, priority: Priority::High, cpu: Some(1.0), ..visit(i64::MAX, 1) };
    let mut spool = TraceSpool::create().unwrap();
    let names = |names: [&[u8]; 2]| names.map(Box::from).to_vec();
    spool.push(0, TraceBlock { visits: vec![visit(0, 2)], upstreams: names([b"x", b"y"]) }).unwrap();
    let block = TraceBlock { visits: vec![whole.clone(), other.clone()], upstreams: names([b"y", b"z"]) };
    spool.push(1, block).unwrap();
    let mut trace = spool.finish().unwrap();
    trace.renumber(vec![4, 5, 9]);
    let [first, middle, last] = &replayed(&trace)[..] else { panic!("not three") };
    let named: Vec<&str> = first.tries.iter().map(|one| trace.upstream(one.upstream)).collect();
    assert_eq!(named, ["z", "y"]);
    assert_eq!((first.endpoint, middle.endpoint, last.endpoint), (4, 9, 5));
    let tries = first.tries.iter().zip(&whole.tries).map(|(got, sent)| Try { upstream: sent.upstream, ..*got });
    assert_eq!(Visit { endpoint: 0, tries: tries.collect(), ..first.clone() }, whole);
    assert_eq!(Visit { endpoint: 1, ..last.clone() }, other);
    assert_eq!((trace.visits(), trace.upstreams(), trace.span_ms()), (3, 3, Some((i64::MIN, i64::MAX))));
}

proptest! {
    #[test]
    fn the_order_is_by_time_then_input_then_line(
        inputs in prop::collection::vec(prop::collection::vec(0i64..60, 0..40), 1..4),
        block_visits in 1usize..12,
        turns in prop::collection::vec(0usize..4, 0..40),
    ) {
        let mut expected = Vec::new();
        let mut blocks: Vec<std::collections::VecDeque<Vec<Visit>>> = Vec::new();
        let mut number = 0;
        for (input, times) in inputs.iter().enumerate() {
            let mut visits = Vec::new();
            for ended_ms in times {
                visits.push(visit(*ended_ms, number));
                expected.push((*ended_ms, input, number));
                number += 1;
            }
            blocks.push(visits.chunks(block_visits).map(<[Visit]>::to_vec).collect());
        }
        expected.sort();
        let mut spool = TraceSpool::create().unwrap();
        let mut push = |input: usize| {
            if let Some(visits) = blocks.get_mut(input).and_then(std::collections::VecDeque::pop_front) {
                spool.push(input as u32, TraceBlock { visits, upstreams: Vec::new() }).unwrap();
                return true;
            }
            false
        };
        for turn in turns {
            push(turn);
        }
        (0..inputs.len()).for_each(|input| while push(input) {});
        let got: Vec<u32> = replayed(&spool.finish().unwrap()).iter().map(|visit| visit.endpoint).collect();
        prop_assert_eq!(got, expected.iter().map(|(_, _, number)| *number).collect::<Vec<_>>());
    }
}
