//! How often and how far a rule set moved each setting after its first hour: a config that keeps moving cannot be
//! reviewed, and makes a comparison in CI flap.

use crate::tuning::TunableConfig;
use crate::tuning::setting::SETTINGS;
use serde::Serialize;

/// What a rule set does in its first hour is finding its place.
const SETTLING_US: i64 = 3_600_000_000;

/// A rule set's way through a log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct History {
    /// When it began, in UTC microseconds.
    pub from_us: i64,
    /// The config that it began with.
    pub initial: TunableConfig,
    /// Each applied config with its time in UTC microseconds, ascending.
    pub changes: Vec<(i64, TunableConfig)>,
}

/// How a setting moved.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingMoves {
    /// The setting, for example `httpClient.timeoutMs`.
    pub setting: &'static str,
    /// How often it changed after the first hour.
    pub moves: u64,
    /// How far in all, both directions added.
    #[serde(serialize_with = "crate::tuning::number")]
    pub moved: f64,
    /// The largest single change.
    #[serde(serialize_with = "crate::tuning::number")]
    pub largest_move: f64,
    /// The lowest value after the first hour.
    #[serde(serialize_with = "crate::tuning::number")]
    pub lowest: f64,
    /// The highest value after the first hour.
    #[serde(serialize_with = "crate::tuning::number")]
    pub highest: f64,
}

/// How every setting moved, in the config's order.
pub(crate) fn moves(history: &History) -> Vec<SettingMoves> {
    SETTINGS.iter().map(|setting| moves_of(history, setting.name, setting.value)).collect()
}

fn moves_of(history: &History, setting: &'static str, value_of: fn(&TunableConfig) -> f64) -> SettingMoves {
    let settled_us = history.from_us.saturating_add(SETTLING_US);
    let early = history.changes.iter().take_while(|(at_us, _)| *at_us < settled_us).count();
    let start = early.checked_sub(1).map_or(&history.initial, |last| &history.changes[last].1);
    let mut last = value_of(start);
    let mut moves = SettingMoves { setting, moves: 0, moved: 0.0, largest_move: 0.0, lowest: last, highest: last };
    for value in history.changes[early..].iter().map(|(_, config)| value_of(config)) {
        let distance = (value - last).abs();
        moves.moves += u64::from(distance > 0.0);
        moves.moved += distance;
        moves.largest_move = moves.largest_move.max(distance);
        moves.lowest = moves.lowest.min(value);
        moves.highest = moves.highest.max(value);
        last = value;
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_moves_after_the_first_hour_count() {
        let initial = TunableConfig::default();
        let with_timeout = |timeout_ms| {
            let mut config = initial;
            config.http_client.timeout_ms = timeout_ms;
            config
        };
        let changes = vec![
            (7 + SETTLING_US - 1, with_timeout(8000.0)),
            (7 + SETTLING_US, with_timeout(7000.0)),
            (8 + SETTLING_US, with_timeout(7500.0)),
            (9 + SETTLING_US, with_timeout(7500.0)),
        ];
        let all = moves(&History { from_us: 7, initial, changes });
        let timeout = SettingMoves {
            setting: "httpClient.timeoutMs",
            moves: 2,
            moved: 1500.0,
            largest_move: 1000.0,
            lowest: 7000.0,
            highest: 8000.0,
        };
        assert_eq!(all[3], timeout);
        assert!(all.iter().all(|moves| moves.setting == timeout.setting || moves.moves == 0));
    }
}
