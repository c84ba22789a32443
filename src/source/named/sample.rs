//! What fields the first lines of a log have, and what is written in them.
//!
//! Runs once a log, so JSON goes through `serde_json`; everything is kept by its dotted name.

use serde_json::Value;
use std::collections::BTreeMap;

/// One value, as text.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    /// What the string says or how the number is written; empty for `null`.
    pub(super) text: String,
    /// A string or a number.
    pub(super) is_text_or_number: bool,
    /// A string.
    pub(super) is_string: bool,
    /// Written with a decimal point.
    pub(super) is_decimal: bool,
}

/// The values of the sample lines, by dotted name.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    fields: BTreeMap<String, Vec<Logged>>,
    records: usize,
    /// The key by variable, where the writer says which key holds which.
    aliases: BTreeMap<String, String>,
    /// The field, if the format has such a one, whose targets may begin with a host.
    pub(super) hosted: Option<&'static str>,
}

impl Sample {
    /// Reads the lines that are JSON objects and passes over the others.
    pub(super) fn of_json(lines: &[&[u8]]) -> Self {
        let mut sample = Sample::default();
        for line in lines {
            if let Ok(Value::Object(object)) = serde_json::from_str(&String::from_utf8_lossy(line)) {
                sample.records += 1;
                sample.add("", &Value::Object(object));
            }
        }
        sample
    }

    /// Adds a record of named texts.
    pub(super) fn add_record<'l>(&mut self, fields: impl IntoIterator<Item = (&'l str, &'l [u8])>) {
        self.records += 1;
        for (name, text) in fields {
            let text = String::from_utf8_lossy(text).into_owned();
            let is_decimal = text.contains('.');
            let logged = Logged { text, is_text_or_number: true, is_string: true, is_decimal };
            self.fields.entry(name.to_owned()).or_default().push(logged);
        }
    }

    fn add(&mut self, name: &str, value: &Value) {
        let (text, is_string, is_decimal) = match value {
            Value::Object(object) => {
                for (key, value) in object {
                    let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                    self.add(&name, value);
                }
                return;
            }
            Value::Array(_) => return,
            Value::Null => (String::new(), false, false),
            Value::Bool(word) => (word.to_string(), false, false),
            Value::Number(number) => (number.to_string(), false, number.is_f64()),
            Value::String(text) => (text.clone(), true, text.contains('.')),
        };
        let is_text_or_number = is_string || value.is_number();
        let logged = Logged { text, is_text_or_number, is_string, is_decimal };
        self.fields.entry(name.to_owned()).or_default().push(logged);
    }

    /// Whether no line was a record.
    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Every name, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// Whether a field occurs.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The same, with the variables that its keys hold, each key with its variable.
    pub(super) fn with_aliases(mut self, keys: &[(String, String)]) -> Self {
        self.aliases = keys.iter().rev().map(|(key, variable)| (variable.clone(), key.clone())).collect();
        self
    }

    /// The key that is meant by a name: itself where it occurs, or the key that holds the variable of this name.
    pub(super) fn key_of<'n>(&'n self, name: &'n str) -> &'n str {
        if self.has(name) { name } else { self.aliases.get(name).map_or(name, String::as_str) }
    }

    /// What is written in a field.
    pub(super) fn values(&self, name: &str) -> &[Logged] {
        self.fields.get(name).map_or(&[], Vec::as_slice)
    }

    /// The name with the most values that make sense; among equals the first, and none without any.
    pub(super) fn best<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        makes_sense: impl Fn(&Logged) -> bool,
    ) -> Option<&'n str> {
        let mut best = (0, None);
        for name in names {
            let count = self.values(name).iter().filter(|logged| makes_sense(logged)).count();
            if count > best.0 {
                best = (count, Some(name));
            }
        }
        best.1
    }
}
