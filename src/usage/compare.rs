//! Two rules over the same usage, side by side: how much each tells, of whom, and how far they agree.

use super::alert::{UsageAlert, UsageEpisode};
use super::mean5x::{Finding, round4};
use crate::tuning::number;
use serde::Serialize;
use std::collections::BTreeMap;

/// Spikes of `mean5x` at most this far apart are one incident: its baseline is an hour.
const SAME_INCIDENT_MS: i64 = 3_600_000;

/// What two rules told of a range.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Days that were tested, 4 decimals.
    #[serde(serialize_with = "number")]
    pub days: f64,
    /// What `mean5x` tells.
    pub mean5x: Told,
    /// What `negative-binomial` tells.
    pub negative_binomial: Told,
    /// How far they agree.
    pub agreement: Agreement,
    /// Every developer of whom either tells something; those with the most alerts first, then by name.
    pub developers: Vec<DeveloperComparison>,
}

/// How much a rule tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Events that would have been sent.
    pub alerts: u64,
    /// The same for a day, 4 decimals.
    #[serde(serialize_with = "number")]
    pub alerts_per_day: f64,
    /// Episodes; for `mean5x` its spikes at most an hour apart.
    pub incidents: u64,
    /// Developers of whom it tells.
    pub developers: u64,
}

/// Incidents that share a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// Episodes of `negative-binomial` in which `mean5x` found a spike.
    pub both: u64,
    /// Incidents of `mean5x` outside of every episode.
    pub only_mean5x: u64,
    /// Episodes without a spike of `mean5x`.
    pub only_negative_binomial: u64,
    /// Of these, silences, for which `mean5x` has no eye.
    pub silences: u64,
}

/// What is told of a developer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeveloperComparison {
    /// Who.
    pub developer_id: String,
    /// Events of `mean5x`.
    pub mean5x_alerts: u64,
    /// Events of `negative-binomial`.
    pub negative_binomial_alerts: u64,
    /// As in [`Agreement`], of this developer.
    #[serde(flatten)]
    pub agreement: Agreement,
}

/// All that is known of one developer.
#[derive(Default)]
struct Both<'a> {
    spikes_ms: Vec<i64>,
    alerts: u64,
    episodes: Vec<&'a UsageEpisode>,
}

/// Compares what the rules found in `tested_ms` milliseconds.
pub fn compare(spikes: &[Finding], alerts: &[UsageAlert], episodes: &[UsageEpisode], tested_ms: i64) -> Comparison {
    let mut developers: BTreeMap<&str, Both<'_>> = BTreeMap::new();
    for spike in spikes {
        developers.entry(&spike.spike.developer_id).or_default().spikes_ms.push(spike.start_ms);
    }
    for alert in alerts {
        developers.entry(&alert.developer_id).or_default().alerts += 1;
    }
    for episode in episodes {
        developers.entry(&episode.developer_id).or_default().episodes.push(episode);
    }
    let days = tested_ms as f64 / super::zscore_daily::DAY_MS as f64;
    let mut comparison = Comparison {
        days: round4(days),
        mean5x: Told::default(),
        negative_binomial: Told::default(),
        agreement: Agreement::default(),
        developers: Vec::new(),
    };
    for (name, both) in &developers {
        comparison.add(name, both);
    }
    for told in [&mut comparison.mean5x, &mut comparison.negative_binomial] {
        told.alerts_per_day = if days > 0.0 { round4(told.alerts as f64 / days) } else { 0.0 };
    }
    // Stable: equals stay by name.
    comparison
        .developers
        .sort_by_key(|developer| std::cmp::Reverse(developer.mean5x_alerts + developer.negative_binomial_alerts));
    comparison
}

impl Comparison {
    fn add(&mut self, name: &str, both: &Both<'_>) {
        let incidents = incidents(&both.spikes_ms);
        let is_in =
            |episode: &UsageEpisode, spike_ms: &i64| (episode.window_ms.0..episode.window_ms.1).contains(spike_ms);
        let is_found = |episode: &&&UsageEpisode| both.spikes_ms.iter().any(|spike_ms| is_in(episode, spike_ms));
        let is_alone = |incident: &&&[i64]| {
            let is_covered = |spike_ms: &i64| both.episodes.iter().any(|episode| is_in(episode, spike_ms));
            !incident.iter().any(is_covered)
        };
        let shared = both.episodes.iter().filter(is_found).count() as u64;
        let is_silence = |episode: &&&UsageEpisode| episode.kind == "drop" && !is_found(episode);
        let agreement = Agreement {
            both: shared,
            only_mean5x: incidents.iter().filter(is_alone).count() as u64,
            only_negative_binomial: both.episodes.len() as u64 - shared,
            silences: both.episodes.iter().filter(is_silence).count() as u64,
        };
        self.agreement.both += agreement.both;
        self.agreement.only_mean5x += agreement.only_mean5x;
        self.agreement.only_negative_binomial += agreement.only_negative_binomial;
        self.agreement.silences += agreement.silences;
        let spikes = both.spikes_ms.len() as u64;
        self.mean5x.note(spikes, incidents.len() as u64);
        self.negative_binomial.note(both.alerts, both.episodes.len() as u64);
        self.developers.push(DeveloperComparison {
            developer_id: name.to_owned(),
            mean5x_alerts: spikes,
            negative_binomial_alerts: both.alerts,
            agreement,
        });
    }
}

impl Told {
    fn note(&mut self, alerts: u64, incidents: u64) {
        self.alerts += alerts;
        self.incidents += incidents;
        self.developers += u64::from(incidents > 0);
    }
}

/// Spikes that are near each other.
fn incidents(spikes_ms: &[i64]) -> Vec<&[i64]> {
    spikes_ms.chunk_by(|one, next| next.saturating_sub(*one) <= SAME_INCIDENT_MS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{UsageSpike, UsageSpikeData};
    use crate::usage::alert::Why;

    const WINDOW_MS: i64 = 300_000;

    fn spike(developer: &str, window: i64) -> Finding {
        let data = UsageSpikeData {
            window_start: String::new(),
            window_end: String::new(),
            current_calls: 1,
            baseline_mean: 0.0,
            multiplier: 5.0,
            ratio: None,
            window_ms: WINDOW_MS,
        };
        let spike = UsageSpike {
            event: "",
            timestamp: String::new(),
            developer_id: developer.to_owned(),
            data,
            partial: false,
        };
        Finding { spike, start_ms: window * WINDOW_MS, trend: Vec::new() }
    }

    fn episode(developer: &str, kind: &'static str, first: i64, last: i64) -> UsageEpisode {
        let why =
            Why { scale: 1, observed: 0.0, expected: 1.0, ratio: 0.0, probability: 0.0, profile: None, level: 1.0 };
        UsageEpisode {
            developer_id: developer.to_owned(),
            kind,
            start: String::new(),
            end: String::new(),
            over: true,
            peak: String::new(),
            peak_calls: 0,
            excess: 0.0,
            why,
            trend: Vec::new(),
            window_ms: (first * WINDOW_MS, (last + 1) * WINDOW_MS),
        }
    }

    #[test]
    fn incidents_agree_where_they_share_a_window() {
        let spikes = [
            // An hour apart is one incident, a window more is not.
            spike("a", 100),
            spike("a", 112),
            spike("a", 125),
            spike("b", 9),
            spike("b", 13),
        ];
        let episodes = [
            episode("a", "spike", 101, 112),
            episode("a", "spike", 126, 130),
            episode("b", "spike", 10, 12),
            episode("c", "drop", 5, 9),
        ];
        let found = compare(&spikes, &[], &episodes, 2 * super::super::zscore_daily::DAY_MS);
        assert_eq!(found.agreement, Agreement { both: 1, only_mean5x: 2, only_negative_binomial: 3, silences: 1 });
        assert_eq!(found.mean5x, Told { alerts: 5, alerts_per_day: 2.5, incidents: 3, developers: 2 });
        assert_eq!((found.negative_binomial.incidents, found.negative_binomial.developers), (4, 3));
        let names: Vec<&str> = found.developers.iter().map(|one| &*one.developer_id).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn nothing_compares_with_nothing() {
        let found = compare(&[], &[], &[], 0);
        assert_eq!((found.days, found.mean5x, found.developers.len()), (0.0, Told::default(), 0));
    }
}
