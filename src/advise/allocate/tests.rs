//! Updates worked out by hand, and a log whose best policy is known.

use super::minute::{Level, Minute, Minutes};
use super::queue::Queue;
use super::report::{Trial, TrialName, verdict};
use super::table::Action;
use super::*;
use crate::advise::trace::Priority;
use crate::advise::trace::fields::plain_visit;

const MS: u64 = 1_000_000;

fn plan() -> Plan {
    let scale = ScaleConfig { concurrency_per_replica: 1, ..ScaleConfig::default() };
    let limits = OptimizationConfig { max_memory: 512.0, cpu_threshold: 80.0 };
    Plan::new(AllocateConfig::default(), &scale, &limits)
}

#[test]
fn an_update_goes_a_tenth_of_the_way() {
    use Level::{High, Low, Medium};
    let config = AllocateConfig::default();
    let mut table = QTable::default();
    table.update((Low, Low), Action::Increase, 10.0, (High, Low), &config);
    assert_eq!(table.cell((Low, Low), Action::Increase).value, 1.0);
    // 0.1 x (0 + 0.9 x 1); then 1 + 0.1 x (-10 + 0.9 x 0.09 - 1).
    table.update((Medium, High), Action::Decrease, 0.0, (Low, Low), &config);
    let next = table.cell((Medium, High), Action::Decrease).value;
    assert!((next - 0.09).abs() < 1e-12);
    table.update((Low, Low), Action::Increase, -10.0, (Medium, High), &config);
    let cell = table.cell((Low, Low), Action::Increase);
    assert!((cell.value - (1.0 + 0.1 * (-10.0 + 0.9 * 0.09 - 1.0))).abs() < 1e-12);
    assert_eq!((cell.visits, table.policy((High, High))), (2, None));
    // What was never tried has no place in the policy, however much better nothing would be.
    assert_eq!((table.policy((Low, Low)), table.best((Low, Low))), (Some(Action::Increase), Action::Maintain));
}

#[test]
fn levels_begin_at_their_bounds() {
    let level = |value| Level::of(value, 50.0, 80.0);
    assert_eq!([49.9, 50.0, 79.9, 80.0].map(level), [Level::Low, Level::Medium, Level::Medium, Level::High]);
}

#[test]
fn replicas_stay_within_their_bounds() {
    let after = |action: Action| [1, 2, 3, 5].map(|replicas| action.apply(replicas, 3));
    assert_eq!(after(Action::Maintain), [1, 2, 3, 5]);
    assert_eq!(after(Action::Increase), [2, 3, 3, 5]);
    assert_eq!(after(Action::Decrease), [1, 1, 2, 4]);
}

/// Two endpoints of 100 and 300 ms before 120 s; in the held-out minute one of each takes something else.
#[test]
fn service_times_are_the_endpoints_of_the_first_part() {
    let mut minutes = Minutes::new(AllocateConfig::default(), 120_000);
    let visit = |ended_ms, endpoint, duration_ms: u64| Visit {
        endpoint,
        duration_ns: Some(duration_ms * MS),
        ..plain_visit(ended_ms)
    };
    let visits = [
        Visit { priority: Priority::High, memory_bytes: Some(1000.0 * 1_048_576.0), ..visit(1, 0, 90) },
        Visit { priority: Priority::Low, ..visit(2, 0, 110) },
        visit(61_000, 1, 300),
        visit(240_000, 0, 9_000),
        visit(240_001, 1, 9_000),
        visit(240_002, 2, 9_000),
    ];
    visits.iter().for_each(|visit| minutes.take(visit));
    let counted = minutes.finish().unwrap();
    let told: Vec<_> = counted.minutes.iter().map(|m| (m.start_ms, m.requests, m.service_ms, m.is_held_out)).collect();
    let overall = 500.0 / 3.0;
    let expected = [
        (0, 2, 100.0, false),
        (60_000, 1, 300.0, false),
        (120_000, 0, overall, true),
        (180_000, 0, overall, true),
        (240_000, 3, (400.0 + overall) / 3.0, true),
    ];
    assert_eq!(told, expected);
    assert_eq!((counted.minutes[0].weight, counted.minutes[0].state), (1.0, (Level::Low, Level::Medium)));
    assert!(counted.knows_memory);
}

#[test]
fn years_of_silence_are_an_hour() {
    let mut minutes = Minutes::new(AllocateConfig::default(), i64::MAX);
    let visit = |ended_ms| Visit { duration_ns: Some(MS), ..plain_visit(ended_ms) };
    [0, 1_000_000_000_000].iter().for_each(|ended_ms| minutes.take(&visit(*ended_ms)));
    assert_eq!(minutes.finish().unwrap().minutes.len(), 62);
}

/// Quiet minutes that one replica takes, or busy ones of 300 requests of 400 ms, of which two are in flight on average.
fn minutes(are_busy: &[bool]) -> Vec<Minute> {
    let minute = |(number, is_busy): (i64, &bool)| Minute {
        start_ms: number * 60_000,
        is_held_out: false,
        requests: if *is_busy { 300 } else { 10 },
        service_ms: if *is_busy { 400.0 } else { 20.0 },
        weight: 1.0,
        state: (if *is_busy { Level::High } else { Level::Low }, Level::Low),
    };
    (0..).zip(are_busy).map(minute).collect()
}

/// What a policy of an action in quiet and one in busy minutes earns, discounted.
fn earns(policy: [Action; 2], minutes: &[Minute], plan: &Plan, queue: &Queue, most: u64) -> f64 {
    let (mut replicas, mut worth, mut sum) = (plan.capacity.config.replicas as u64, 1.0, 0.0);
    for pair in minutes.windows(2) {
        let before_ms = queue.excess_ms(&pair[0], replicas);
        replicas = policy[usize::from(pair[0].state.0 == Level::High)].apply(replicas, most);
        let fall_ms = before_ms - queue.excess_ms(&pair[1], replicas);
        sum += worth * (fall_ms - plan.config.replica_cost * replicas as f64);
        worth *= plan.config.discount;
    }
    sum
}

/// Quiet and busy minutes take turns, and there are one or two replicas: of all nine policies the best is to go up while it
/// is still quiet, for the next minute, and down while it is busy, for the one after.
#[test]
fn a_known_best_policy_is_found() {
    let mut plan = plan();
    plan.config.replica_cost = 5000.0;
    let (queue, minutes) = (Queue::new(&plan.capacity), minutes(&[false, true].repeat(20)));
    let policies = Action::ALL.into_iter().flat_map(|quiet| Action::ALL.map(|busy| [quiet, busy]));
    let worth = |policy: &[Action; 2]| earns(*policy, &minutes, &plan, &queue, 2);
    let best = policies.max_by(|a, b| worth(a).total_cmp(&worth(b))).unwrap();
    assert_eq!(best, [Action::Increase, Action::Decrease]);
    let table = learner::learn(&minutes, &plan, &queue, 2, QTable::default());
    let learnt = [Level::Low, Level::High].map(|load| table.policy((load, Level::Low)).unwrap());
    assert_eq!(learnt, best);
    assert_eq!(table.policy((Level::Medium, Level::Low)), None);
    // The same seed gives the same table, another one another.
    assert_eq!(table, learner::learn(&minutes, &plan, &queue, 2, QTable::default()));
    let other = Plan { config: AllocateConfig { seed: 1, ..plan.config }, ..plan };
    assert_ne!(table, learner::learn(&minutes, &other, &queue, 2, QTable::default()));
}

/// Where replicas cost little, going up is learnt, and pays on minutes that were not learnt from.
#[test]
fn what_was_learnt_is_tried_against_the_rules() {
    let plan = plan();
    let (queue, busy) = (Queue::new(&plan.capacity), minutes(&[true; 20]));
    let table = learner::learn(&busy, &plan, &queue, 4, QTable::default());
    let trials = trial::trials(&busy, &plan, &queue, 4, &table);
    let [policy, maintain, scale] = &trials[..] else { panic!("not three") };
    assert_eq!((maintain.replicas, policy.name, scale.name), (1.0, TrialName::Policy, TrialName::Scale));
    // 1,200 ms of service at the 95th percentile alone are above the target; one replica lets the queue grow by 57 s.
    assert!(maintain.excess_ms > 57_000.0 && policy.excess_ms < 20_000.0, "{trials:?}");
    assert!(policy.cost < maintain.cost / 2.0, "{trials:?}");
    // The rule knows two in flight on average at 80 %: three replicas, from the second minute on.
    assert!((scale.replicas - 3.0).abs() < 1e-9, "{trials:?}");
}

#[test]
fn the_verdict_names_what_was_beaten() {
    let trials = |costs: [f64; 3]| {
        let names = [TrialName::Policy, TrialName::Maintain, TrialName::Scale];
        let trial = |(name, cost)| Trial { name, excess_ms: 0.0, replicas: 1.0, cost };
        verdict(&names.into_iter().zip(costs).map(trial).collect::<Vec<_>>())
    };
    assert!(trials([98.9, 100.0, 100.0]).contains("better than both"));
    assert!(trials([99.0, 100.0, 100.0]).contains("no better than never changing anything, nor"));
    assert!(trials([50.0, 100.0, 50.0]).contains("but not than the rule"));
    assert!(trials([100.0, 100.0, 200.0]).contains("no better than never changing anything:"));
}
