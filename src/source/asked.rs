//! The fields that the user asked for by name: how a value of theirs is taken, and which of them no request has.
//!
//! A name with a slip in it finds nothing and would pass for a result, so it is told.

use super::named::is_upstream_duration;
use super::nginx::{is_upstream_latency, json_template};
use super::tally::InputTally;
use super::tries::last_try;
use crate::plan::{Filter, FormatChoice, Latency, LineTemplate, ReplayPlan, Role};
use crate::report::Summary;
use crate::request::{MAX_EXTRA_FIELDS, Request};

/// Which of the fields that the user asked for have a value in some request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskedFields {
    /// By the extras' order.
    pub extras: [bool; MAX_EXTRA_FIELDS],
    /// The developer's.
    pub developer: bool,
}

impl AskedFields {
    /// Notes what a request has.
    pub fn note(&mut self, request: &Request) {
        for (index, has_value) in self.extras.iter_mut().enumerate() {
            *has_value |= request.extras.get(index).is_some();
        }
        self.developer |= request.developer.is_some();
    }

    /// Adds what other requests have.
    pub fn add(&mut self, other: AskedFields) {
        for (has_value, other) in self.extras.iter_mut().zip(other.extras) {
            *has_value |= other;
        }
        self.developer |= other.developer;
    }
}

/// How a field that breakers are kept by is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// One value.
    Single,
    /// nginx's list of the upstreams tried, `a, b : c`: the last one answered.
    Tries,
}

impl Listing {
    /// How this field is written.
    pub(super) fn of(field: &str) -> Self {
        if field.starts_with("upstream_") { Listing::Tries } else { Listing::Single }
    }

    /// The value that counts.
    pub(super) fn last(self, value: &[u8]) -> &[u8] {
        match self {
            Listing::Single => value,
            Listing::Tries => last_try(value),
        }
    }
}

/// The fields that the user asked for and no request has a value in, which would otherwise look like a result.
pub(super) fn absent_fields(plan: &ReplayPlan, tallies: &[InputTally]) -> Vec<String> {
    let mut found = AskedFields::default();
    tallies.iter().for_each(|tally| found.add(tally.fields));
    let wanted = &plan.input.wanted;
    let flag_of = |index: usize| {
        if plan.input.group_by == Some(index) {
            "--group-by"
        } else if plan.input.breaker_by == Some(index) {
            "--breaker-by"
        } else {
            "--where"
        }
    };
    let extras = wanted.extras.iter().enumerate().filter(|(index, _)| !found.extras[*index]);
    let extras = extras.map(|(index, name)| (name, flag_of(index)));
    let developer = wanted.developer.iter().filter(|_| !found.developer).map(|name| (name, "--developer-field"));
    extras
        .chain(developer)
        .map(|(name, flag)| format!("no request has a value in the field `{name}` ({flag})"))
        .collect()
}

/// What became of the requests of a run that is left with none: which flags left them out.
pub(super) fn what_became(plan: &ReplayPlan, summary: &Summary) -> String {
    let input = &plan.input;
    let bounds = [("--since", input.since), ("--until", input.until)];
    let bounds = bounds.into_iter().filter(|(_, bound)| bound.is_some()).map(|(flag, _)| flag);
    let filters = input.filters.iter().map(|filter| match filter {
        Filter::Method(_) => "--method",
        Filter::Status(_) => "--status",
        Filter::Route(_) => "--route",
        Filter::ExcludeRoute(_) => "--exclude-route",
        Filter::Equals(..) => "--where",
    });
    let mut flags: Vec<&str> = bounds.chain(filters).collect();
    flags.dedup();
    let left_out = (summary.filtered_out > 0).then(|| match flags.as_slice() {
        [only] => format!("{} left out by {only}", summary.filtered_out),
        several => {
            format!("{} left out by {} together; try each alone", summary.filtered_out, several.join(" and "))
        }
    });
    let without = (summary.not_requests > 0).then(|| match summary.not_requests {
        1 => "1 line without a request".to_owned(),
        lines => format!("{lines} lines without a request"),
    });
    without.into_iter().chain(left_out).collect::<Vec<_>>().join(", ")
}

/// Whether a JSON format that was given writes the upstream's part under this key.
fn is_written_as_upstream(plan: &ReplayPlan, key: &str) -> bool {
    let FormatChoice::Templates(templates) = &plan.input.format else { return false };
    let upstream = |template: &LineTemplate| json_template(&template.log_format, Latency::Upstream).ok()??.upstream;
    templates.iter().any(|template| upstream(template).as_deref() == Some(key))
}

/// Says where the upstream's part of a request was asked for and the whole is what there is.
pub(super) fn latency_note(plan: &ReplayPlan, tallies: &[InputTally]) -> Option<String> {
    let wanted = &plan.input.wanted;
    if wanted.latency == Latency::Request || wanted.fields.iter().any(|field| field.role == Role::Duration) {
        return None;
    }
    let whole = |tally: &InputTally| {
        let is_upstream =
            |name: &str| is_upstream_duration(name) || is_upstream_latency(name) || is_written_as_upstream(plan, name);
        let field = tally.input.latency_field.as_ref().filter(|name| !is_upstream(name))?;
        Some(format!(
            "no field for the upstream's part of a request is known in {} (--latency upstream), so `{field}` is the \
             latency; name that field with --field duration=NAME",
            tally.input.path
        ))
    };
    tallies.iter().find_map(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_upstream_tried_is_the_one_that_answered() {
        let last =
            |value: &'static str| std::str::from_utf8(Listing::of("upstream_addr").last(value.as_bytes())).unwrap();
        assert_eq!(last("10.0.0.1:80"), "10.0.0.1:80");
        assert_eq!(last("10.0.0.1:80, 10.0.0.2:80"), "10.0.0.2:80");
        assert_eq!(last("10.0.0.1:80, 10.0.0.2:80 : unix:/run/app.sock"), "unix:/run/app.sock");
        assert_eq!(last("[2001:db8::1]:80"), "[2001:db8::1]:80");
        assert_eq!(last(""), "");
        assert_eq!(Listing::of("service").last(b"a, b"), b"a, b");
    }
}
