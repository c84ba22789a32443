//! What was learnt of a log, kept for the next one (the plugin's `modelPath`): smoothed durations, the requests that
//! anomalies are judged by, the table of `allocate`.
//!
//! In go the parts as the analyses left them, out comes a value that is written as JSON, and the way back. Numbers that
//! have to come back to the last bit are written as text. Reading the file is `plan`'s work, writing it `deliver`'s.

use super::allocate::QTable;
use super::forecast::Smooth;
use crate::route::endpoint::{EndpointName, EndpointNames};
use crate::rules::zscore::Observation;
use anyhow::{Context, ensure};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

/// The version of the file; it rises when an older `learn` could not read it.
const VERSION: u32 = 1;

/// What was learnt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Model {
    learn_model: u32,
    /// By path, method and group.
    endpoints: Vec<EndpointModel>,
    /// The newest requests, the oldest first.
    recent: Vec<RecentRequest>,
    q_table: Option<QTable>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EndpointModel {
    method: String,
    path: String,
    group: Option<String>,
    smooth: Smooth,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RecentRequest {
    /// The place among the endpoints.
    endpoint: usize,
    timestamp_ms: i64,
    duration_ns: Option<u64>,
    is_error: bool,
}

impl Default for Model {
    fn default() -> Self {
        Model { learn_model: VERSION, endpoints: Vec::new(), recent: Vec::new(), q_table: None }
    }
}

/// A model in the numbering of a run; endpoints that the run does not have come after its own.
pub(super) struct Learnt {
    /// The run's, then those of the model alone.
    pub names: Vec<EndpointName>,
    /// By endpoint.
    pub smooth: Vec<Smooth>,
    pub recent: Vec<Observation>,
}

impl Model {
    /// Reads the text of a model.
    ///
    /// # Errors
    /// Text that is no model, or one of another version.
    pub(crate) fn parse(text: &[u8]) -> anyhow::Result<Model> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Head {
            learn_model: u32,
        }
        let expected = "expected what `learn advise --model` wrote";
        let head: Head = serde_json::from_slice(text).with_context(|| format!("this is no model; {expected}"))?;
        ensure!(head.learn_model == VERSION, "found a model of version {}, expected {VERSION}", head.learn_model);
        let model: Model = serde_json::from_slice(text).with_context(|| format!("this is no model; {expected}"))?;
        let is_known = |request: &RecentRequest| request.endpoint < model.endpoints.len();
        ensure!(model.recent.iter().all(is_known), "a recent request is of an endpoint that is not there; {expected}");
        ensure!(model.endpoints.iter().all(|one| one.smooth.is_sound()), "a duration is no number; {expected}");
        Ok(model)
    }

    /// The same in the numbering of a run.
    pub(super) fn learnt(&self, names: &EndpointNames) -> Learnt {
        let mut all: Vec<EndpointName> = names.iter().cloned().collect();
        let known: HashMap<&EndpointName, usize> = names.iter().zip(0..).collect();
        let mut smooth = vec![Smooth::default(); all.len()];
        let mut numbers = Vec::with_capacity(self.endpoints.len());
        for EndpointModel { method, path, group, smooth: own } in &self.endpoints {
            let name = EndpointName { path: path.clone(), method: method.clone(), group: group.clone() };
            let number = known.get(&name).copied().unwrap_or_else(|| {
                all.push(name);
                smooth.push(Smooth::default());
                all.len() - 1
            });
            smooth[number] = *own;
            numbers.push(number as u32);
        }
        let recent = self.recent.iter().map(|request| Observation {
            timestamp_ms: request.timestamp_ms,
            duration_ns: request.duration_ns,
            endpoint: numbers[request.endpoint],
            is_error: request.is_error,
            memory_bytes: None,
            cpu: None,
        });
        Learnt { names: all, smooth, recent: recent.collect() }
    }

    /// Takes over what a run learnt.
    pub(super) fn keep(&mut self, learnt: Learnt) {
        let Learnt { names, smooth, recent } = learnt;
        let is_recent: Vec<bool> = {
            let mut is_recent = vec![false; names.len()];
            recent.iter().for_each(|request| is_recent[request.endpoint as usize] = true);
            is_recent
        };
        let is_kept = |number: &usize| smooth.get(*number).is_some_and(|own| own.requests() > 0) || is_recent[*number];
        let mut order: Vec<usize> = (0..names.len()).filter(is_kept).collect();
        order.sort_by(|a, b| names[*a].cmp(&names[*b]));
        let mut places = vec![0; names.len()];
        order.iter().enumerate().for_each(|(place, number)| places[*number] = place);
        let endpoint = |number: &usize| EndpointModel {
            method: names[*number].method.clone(),
            path: names[*number].path.clone(),
            group: names[*number].group.clone(),
            smooth: smooth[*number],
        };
        self.endpoints = order.iter().map(endpoint).collect();
        let request = |request: &Observation| RecentRequest {
            endpoint: places[request.endpoint as usize],
            timestamp_ms: request.timestamp_ms,
            duration_ns: request.duration_ns,
            is_error: request.is_error,
        };
        self.recent = recent.iter().map(request).collect();
    }

    pub(super) fn q_table(&self) -> Option<QTable> {
        self.q_table.clone()
    }

    pub(super) fn keep_q_table(&mut self, table: QTable) {
        self.q_table = Some(table);
    }
}

/// Numbers as text, which comes back to the last bit.
pub(super) mod exact {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::fmt::Display;
    use std::str::FromStr;

    pub(in crate::advise) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(in crate::advise) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom(format!("found `{}`, expected a number", text.escape_debug())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::trace::CacheState;

    fn names(paths: &[&str]) -> EndpointNames {
        let mut names = EndpointNames::default();
        paths.iter().for_each(|path| {
            names.intern([b"GET", path.as_bytes(), b""], false);
        });
        names
    }

    fn smooth(duration_ns: u64) -> Smooth {
        let mut smooth = Smooth::default();
        smooth.take(1_000_001, CacheState::Hit, 0.3);
        smooth.take(duration_ns, CacheState::Miss, 0.3);
        smooth
    }

    fn observation(endpoint: u32) -> Observation {
        let duration_ns = Some(u64::MAX);
        Observation { timestamp_ms: -1, duration_ns, endpoint, is_error: true, memory_bytes: None, cpu: None }
    }

    /// What one run learnt comes back in another's numbering, and what that does not have stays.
    #[test]
    fn a_model_comes_back_to_the_last_bit() {
        let mut model = Model::default();
        let mut learnt = model.learnt(&names(&["/b", "/a", "/unused"]));
        (learnt.smooth[0], learnt.smooth[1]) = (smooth(7), smooth(u64::MAX));
        learnt.recent = vec![observation(1), observation(0)];
        model.keep(learnt);
        model.keep_q_table(QTable::default());
        let back = Model::parse(&serde_json::to_vec(&model).unwrap()).unwrap();
        assert_eq!(back, model);
        let learnt = back.learnt(&names(&["/new", "/b"]));
        assert_eq!(learnt.smooth, [Smooth::default(), smooth(7), smooth(u64::MAX)]);
        assert_eq!(learnt.recent, [observation(2), observation(1)]);
        let mut again = back.clone();
        again.keep(learnt);
        assert_eq!(again, back);
    }

    #[test]
    fn what_is_no_model_is_refused() {
        let refused = |text: &str| format!("{:#}", Model::parse(text.as_bytes()).unwrap_err());
        assert!(refused("").contains("this is no model"));
        assert!(refused("{}").contains("this is no model"));
        assert!(refused("{\"learnModel\":2}").contains("version 2, expected 1"));
        assert!(refused("{\"learnModel\":1}").contains("missing field"));
        let recent = r#"[{"endpoint":0,"timestampMs":0,"durationNs":null,"isError":false}]"#;
        let model = |endpoints: &str, recent: &str| {
            format!("{{\"learnModel\":1,\"endpoints\":[{endpoints}],\"recent\":{recent},\"qTable\":null}}")
        };
        assert!(refused(&model("", recent)).contains("that is not there"));
        let endpoint = |level: &str| {
            format!(
                "{{\"method\":\"GET\",\"path\":\"/\",\"group\":null,\"smooth\":{{\"requests\":1,\"levelMs\":\"{level}\",\
                 \"sumUs\":\"1\",\"squaresUs\":\"1\",\"hits\":0,\"cacheSaid\":0}}}}"
            )
        };
        assert!(Model::parse(model(&endpoint("1.5"), recent).as_bytes()).is_ok());
        assert!(refused(&model(&endpoint("NaN"), recent)).contains("no number"));
        assert!(refused(&model(&endpoint("x"), recent)).contains("expected a number"));
    }
}
