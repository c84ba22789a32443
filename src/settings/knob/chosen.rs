//! The knobs that somebody set: one layer over another, and who set what.

use super::{Knob, KnobValue, Knobs};
use std::collections::BTreeMap;

/// A knob's value and who set it.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The value, within the knob's bounds.
    pub value: KnobValue,
    /// The flag, variable or file and line, for messages.
    pub origin: String,
}

/// The knobs that somebody set.
#[derive(Clone, Debug, Default)]
pub struct Chosen(BTreeMap<&'static str, (&'static Knob, Given)>);

impl Chosen {
    /// Sets a knob, over what was set before.
    pub fn set(&mut self, knob: &'static Knob, given: Given) {
        self.0.insert(knob.flag, (knob, given));
    }

    /// Takes over every knob of `higher`.
    pub fn overlay(&mut self, higher: Chosen) {
        self.0.extend(higher.0);
    }

    /// Those with one of these flags.
    pub(crate) fn only(&self, flags: &[&str]) -> Chosen {
        let is_one = |flag: &&str| flags.contains(flag);
        Chosen(self.0.iter().filter(|(flag, _)| is_one(flag)).map(|(flag, known)| (*flag, known.clone())).collect())
    }

    /// The knobs set, by flag.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Knob, &Given)> {
        self.0.values().map(|(knob, given)| (*knob, given))
    }

    /// Who set the knob with this flag; `None` when it has its default.
    pub fn origin(&self, flag: &str) -> Option<&str> {
        self.0.get(flag).map(|(_, given)| given.origin.as_str())
    }

    /// The defaults with everything that was set.
    pub fn knobs(&self) -> Knobs {
        let mut knobs = Knobs::default();
        for (knob, given) in self.iter() {
            knob.store(given.value, &mut knobs);
        }
        knobs
    }
}
