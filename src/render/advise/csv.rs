//! Rows of an analysis as CSV with a header; text cells are defused, numbers written as in JSON.
//!
//! A row is what its JSON is: keys of nested objects are joined with a dot, items of a list with a semicolon.

use super::super::escape::csv_cell;
use anyhow::Context;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The header and the rows, all of one type.
///
/// # Errors
/// When a row cannot be serialised.
pub(in crate::render) fn render(rows: &[impl Serialize]) -> anyhow::Result<Vec<u8>> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for (number, row) in rows.iter().enumerate() {
        let node: Node = serde_json::from_str(&serde_json::to_string(row)?)?;
        let mut cells = Vec::new();
        node.flatten("", &mut cells);
        if number == 0 {
            writer.write_record(cells.iter().map(|(name, _)| name))?;
        }
        writer.write_record(cells.iter().map(|(_, text)| csv_cell(text)))?;
    }
    writer.into_inner().context("the CSV rows were not written completely")
}

/// A JSON value whose keys keep their order.
enum Node {
    Cell(String),
    Items(Vec<Node>),
    Fields(Vec<(String, Node)>),
}

impl Node {
    fn flatten(self, name: &str, cells: &mut Vec<(String, String)>) {
        match self {
            Node::Cell(text) => cells.push((name.to_owned(), text)),
            Node::Items(items) => {
                let mut inner = Vec::new();
                items.into_iter().for_each(|item| item.flatten("", &mut inner));
                let texts: Vec<String> = inner.into_iter().map(|(_, text)| text).collect();
                cells.push((name.to_owned(), texts.join("; ")));
            }
            Node::Fields(fields) => {
                for (key, value) in fields {
                    let name = if name.is_empty() { key } else { format!("{name}.{key}") };
                    value.flatten(&name, cells);
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Cell(String::new()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Cell(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Cell(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Cell(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Cell(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Cell(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(Node::Items(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            fields.push(entry);
        }
        Ok(Node::Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Serialize)]
    struct Row {
        route: &'static str,
        inner: Inner,
        a: serde_json::Value,
    }

    #[derive(Serialize)]
    struct Inner {
        z: Option<f64>,
        b: bool,
    }

    #[test]
    fn cells_are_flat_defused_and_in_order() {
        let rows = [
            Row { route: "=1+1", inner: Inner { z: Some(-2.5), b: true }, a: json!(["x", 1]) },
            Row { route: "a,\n", inner: Inner { z: None, b: false }, a: json!(null) },
        ];
        let text = String::from_utf8(render(&rows).unwrap()).unwrap();
        assert_eq!(text, "route,inner.z,inner.b,a\n'=1+1,-2.5,true,x; 1\n\"a,\\x0A\",,false,\n");
    }
}
