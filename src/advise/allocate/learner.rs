//! Passes over the minutes that are learnt from: an action after each minute, its reward in the next.

use super::Plan;
use super::minute::Minute;
use super::queue::Queue;
use super::table::{Action, QTable};
use hashbrown::HashMap;

/// Learns on top of a table. Every pass begins with the replicas in force.
pub(super) fn learn(minutes: &[Minute], plan: &Plan, queue: &Queue, most: u64, before: QTable) -> QTable {
    let mut table = before;
    let mut dice = Dice(plan.config.seed as u64);
    let mut known: HashMap<(usize, u64), f64> = HashMap::new();
    let mut excess_ms = |number: usize, replicas: u64| {
        *known.entry((number, replicas)).or_insert_with(|| queue.excess_ms(&minutes[number], replicas))
    };
    for _ in 0..plan.config.passes {
        let mut replicas = plan.capacity.config.replicas as u64;
        for (number, pair) in minutes.windows(2).enumerate() {
            let [now, next] = pair else { continue };
            let action = if dice.share() < plan.config.epsilon { dice.action() } else { table.best(now.state) };
            let before_ms = excess_ms(number, replicas);
            replicas = action.apply(replicas, most);
            let fall_ms = before_ms - excess_ms(number + 1, replicas);
            let reward = next.weight * fall_ms - plan.config.replica_cost * replicas as f64;
            table.update(now.state, action, reward, next.state, &plan.config);
        }
    }
    table
}

/// Random numbers that follow from the seed: splitmix64 (Steele, Lea and Flood 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least 0, below 1.
    fn share(&mut self) -> f64 {
        const BITS: u32 = 53;
        (self.roll() >> (u64::BITS - BITS)) as f64 / (1u64 << BITS) as f64
    }

    fn action(&mut self) -> Action {
        Action::ALL[(self.roll() % Action::ALL.len() as u64) as usize]
    }
}
