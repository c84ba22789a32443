//! Paths as a tree of segments, and which siblings are folded into one.
//!
//! A path is *found* once it was answered with anything but 404, and *watched* before that. When more than
//! [`MAX_SIBLINGS`] different segments under one parent lead to a found path, all of them, the watched ones too, become
//! `:param`, and what lies below them is united. Placeholders and empty segments stay, and the start of a path is never
//! folded. Whether siblings are folded depends on the set of found paths alone, not on their order. This module must
//! not know methods or counts.

use super::FOLDED;
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// Different segments under one parent from which on they are values, not names (product.md, 2).
pub(super) const MAX_SIBLINGS: usize = 200;

/// Segments of the deepest path; what is left of a deeper one is taken for one segment.
const MAX_DEPTH: usize = 48;

/// Roughly what a node takes in memory beside its segment.
const NODE_BYTES: usize = 128;

const ROOT: u32 = 0;

/// A node of the tree.
pub(super) type NodeId = u32;

/// The paths that are known.
#[derive(Debug)]
pub(super) struct RouteTree {
    /// The first one is the root, before the first slash.
    nodes: Vec<Node>,
    unused: Vec<NodeId>,
    max_siblings: usize,
    admitted: usize,
    /// Bytes of all segments.
    segment_bytes: usize,
    /// Nodes whose path changed, or that took a path over, since the last look.
    changed: BTreeSet<NodeId>,
    /// Whether paths may have been forgotten that would be known otherwise.
    has_forgotten: bool,
}

#[derive(Debug, Default)]
struct Node {
    parent: NodeId,
    segment: Box<[u8]>,
    children: HashMap<Box<[u8]>, NodeId>,
    /// Children that are no placeholders and lead to a found path.
    siblings: usize,
    /// Whether a found path ends here or below.
    is_found: bool,
    is_folded: bool,
    end: Option<End>,
}

/// The end of a path.
#[derive(Debug, Default)]
pub(super) struct End {
    /// When it was found, UTC ms; `None`: it is watched.
    pub(super) found_ms: Option<i64>,
    /// Whether it may have a name of its own.
    pub(super) is_admitted: bool,
    /// Whether paths that belong to it may have been forgotten before they did.
    pub(super) is_late: bool,
    /// Its endpoints, by the caller's numbers.
    pub(super) endpoints: Vec<u32>,
}

impl RouteTree {
    /// A tree without paths that folds more than `max_siblings`.
    pub(super) fn new(max_siblings: usize) -> Self {
        RouteTree {
            nodes: vec![Node::default()],
            unused: Vec::new(),
            max_siblings,
            admitted: 0,
            segment_bytes: 0,
            changed: BTreeSet::new(),
            has_forgotten: false,
        }
    }

    /// Says that paths may have been forgotten: what is found or folded from now on is late.
    pub(super) fn note_forgotten(&mut self) {
        self.has_forgotten = true;
    }

    /// Lets a path have a name of its own.
    pub(super) fn admit(&mut self, node: NodeId) {
        let is_new = !std::mem::replace(&mut self.end(node).is_admitted, true);
        self.admitted += usize::from(is_new);
    }

    /// How many paths have a name of their own.
    pub(super) fn admitted(&self) -> usize {
        self.admitted
    }

    /// About how many bytes the paths take; follows from the set of paths.
    pub(super) fn size_bytes(&self) -> usize {
        (self.nodes.len() - self.unused.len()) * NODE_BYTES + self.segment_bytes
    }

    /// The end of a path that is known, folds considered.
    pub(super) fn find(&self, path: &[u8]) -> Option<NodeId> {
        let mut node = ROOT;
        for segment in segments(path) {
            node = *self.nodes[node as usize].children.get(self.own_segment(node, segment))?;
        }
        self.nodes[node as usize].end.is_some().then_some(node)
    }

    /// Adds a path that was answered with 404 only, or finds it.
    pub(super) fn watch(&mut self, path: &[u8]) -> NodeId {
        let node = self.reach(path);
        self.nodes[node as usize].end.get_or_insert_default();
        node
    }

    /// Adds a path that was answered otherwise, folding where it is one too many.
    pub(super) fn add_found(&mut self, path: &[u8], found_ms: i64) {
        let node = self.reach(path);
        let end = self.nodes[node as usize].end.get_or_insert_default();
        end.is_late |= end.found_ms.is_none() && self.has_forgotten;
        end.found_ms = Some(end.found_ms.map_or(found_ms, |known_ms| known_ms.min(found_ms)));
        self.changed.insert(node);
        self.note_found(node);
    }

    /// What a node's path ends with.
    pub(super) fn end(&mut self, node: NodeId) -> &mut End {
        self.nodes[node as usize].end.get_or_insert_default()
    }

    /// A node's path.
    pub(super) fn path(&self, mut node: NodeId) -> Vec<u8> {
        let mut segments = Vec::new();
        while node != ROOT {
            let Node { parent, segment, .. } = &self.nodes[node as usize];
            segments.push(&segment[..]);
            node = *parent;
        }
        segments.reverse();
        segments.join(&b'/')
    }

    /// The nodes with an end whose path is new, changed or took another over since the last look.
    pub(super) fn take_changes(&mut self) -> BTreeSet<NodeId> {
        std::mem::take(&mut self.changed)
    }

    /// Forgets the paths whose ends do not pass, and gives the endpoints that they had.
    pub(super) fn retain(&mut self, passes: impl Fn(&End) -> bool) -> Vec<u32> {
        let mut dropped = Vec::new();
        self.retain_below(ROOT, &passes, &mut dropped);
        let ends = self.nodes.iter().filter_map(|node| node.end.as_ref());
        self.admitted = ends.filter(|end| end.is_admitted).count();
        dropped
    }

    /// Whether anything is left at or below a node.
    fn retain_below(&mut self, node: NodeId, passes: &impl Fn(&End) -> bool, dropped: &mut Vec<u32>) -> bool {
        let own = &mut self.nodes[node as usize];
        if let Some(end) = own.end.take_if(|end| !passes(end)) {
            dropped.extend(end.endpoints);
        }
        let mut is_left = own.end.is_some();
        let mut children: Vec<_> = own.children.drain().collect();
        children.sort();
        for (segment, child) in children {
            if self.retain_below(child, passes, dropped) {
                self.nodes[node as usize].children.insert(segment, child);
                is_left = true;
            } else {
                self.discard(child);
            }
        }
        is_left
    }

    /// What a segment is called below a node.
    fn own_segment<'s>(&self, node: NodeId, segment: &'s [u8]) -> &'s [u8] {
        if self.nodes[node as usize].is_folded && !is_fixed(segment) { FOLDED } else { segment }
    }

    /// The node of a path, new or known.
    fn reach(&mut self, path: &[u8]) -> NodeId {
        segments(path).fold(ROOT, |node, segment| self.child(node, self.own_segment(node, segment)))
    }

    fn child(&mut self, node: NodeId, segment: &[u8]) -> NodeId {
        if let Some(child) = self.nodes[node as usize].children.get(segment) {
            return *child;
        }
        let new = Node { parent: node, segment: segment.into(), ..Node::default() };
        self.segment_bytes += segment.len();
        let number = match self.unused.pop() {
            Some(unused) => {
                self.nodes[unused as usize] = new;
                unused
            }
            None => {
                self.nodes.push(new);
                self.nodes.len() as NodeId - 1
            }
        };
        self.nodes[node as usize].children.insert(segment.into(), number);
        number
    }

    fn discard(&mut self, node: NodeId) -> Node {
        let old = std::mem::take(&mut self.nodes[node as usize]);
        self.segment_bytes -= old.segment.len();
        self.changed.remove(&node);
        self.unused.push(node);
        old
    }

    /// Notes that a found path ends at a node, and folds whatever is too much by that.
    fn note_found(&mut self, mut node: NodeId) {
        let mut last_full = None;
        while !self.nodes[node as usize].is_found {
            let own = &mut self.nodes[node as usize];
            own.is_found = true;
            if node == ROOT {
                break;
            }
            let (parent, is_sibling) = (own.parent, !is_fixed(&own.segment));
            let above = &mut self.nodes[parent as usize];
            above.siblings += usize::from(is_sibling);
            if self.is_full(parent) {
                last_full = Some(parent);
            }
            node = parent;
        }
        // At most one can be: all but the highest new node had no found path below.
        if let Some(full) = last_full {
            self.fold(full);
        }
    }

    fn is_full(&self, node: NodeId) -> bool {
        let own = &self.nodes[node as usize];
        node != ROOT && !own.is_folded && own.siblings > self.max_siblings
    }

    /// Unites a node's children, and theirs.
    fn fold(&mut self, node: NodeId) {
        let own = &mut self.nodes[node as usize];
        own.is_folded = true;
        own.siblings = 0;
        let mut folded: Vec<_> = own.children.extract_if(|segment, _| !is_fixed(segment)).collect();
        folded.sort();
        let into = self.child(node, FOLDED);
        for (_, child) in folded {
            self.unite(child, into);
        }
    }

    /// Moves all that a node has and leads to over to another, and discards it.
    fn unite(&mut self, from: NodeId, into: NodeId) {
        let Node { children, is_found, is_folded, end, .. } = self.discard(from);
        if let Some(end) = end {
            self.unite_ends(end, into);
        }
        self.nodes[into as usize].is_found |= is_found;
        if is_folded && !self.nodes[into as usize].is_folded {
            self.fold(into);
        }
        let mut children: Vec<_> = children.into_iter().collect();
        children.sort();
        for (segment, child) in children {
            self.adopt(child, &segment, into);
        }
        if self.is_full(into) {
            self.fold(into);
        }
    }

    /// Puts a node under another parent.
    fn adopt(&mut self, child: NodeId, segment: &[u8], parent: NodeId) {
        let segment = self.own_segment(parent, segment);
        let was_found = match self.nodes[parent as usize].children.get(segment).copied() {
            Some(known) => {
                let was_found = self.nodes[known as usize].is_found;
                self.unite(child, known);
                was_found
            }
            None => {
                let own = &mut self.nodes[child as usize];
                self.segment_bytes -= own.segment.len();
                self.segment_bytes += segment.len();
                (own.parent, own.segment) = (parent, segment.into());
                self.nodes[parent as usize].children.insert(segment.into(), child);
                self.mark_changed(child);
                false
            }
        };
        let child = self.nodes[parent as usize].children[segment];
        let is_new = self.nodes[child as usize].is_found && !was_found;
        self.nodes[parent as usize].siblings += usize::from(is_new && !is_fixed(segment));
    }

    fn unite_ends(&mut self, end: End, into: NodeId) {
        match &mut self.nodes[into as usize].end {
            Some(known) => {
                known.found_ms = known.found_ms.into_iter().chain(end.found_ms).min();
                self.admitted -= usize::from(known.is_admitted && end.is_admitted);
                known.is_admitted |= end.is_admitted;
                known.is_late |= self.has_forgotten;
                known.endpoints.extend(end.endpoints);
            }
            none => *none = Some(End { is_late: self.has_forgotten, ..end }),
        }
        self.changed.insert(into);
    }

    fn mark_changed(&mut self, node: NodeId) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let own = &mut self.nodes[node as usize];
            open.extend(own.children.values());
            if let Some(end) = &mut own.end {
                end.is_late |= self.has_forgotten;
                self.changed.insert(node);
            }
        }
    }
}

/// The segments of a path, the one before its first slash included.
fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.splitn(MAX_DEPTH, |byte| *byte == b'/')
}

/// Whether a segment is never folded.
fn is_fixed(segment: &[u8]) -> bool {
    segment.is_empty() || segment == super::PARAMETER || segment == FOLDED
}

#[cfg(test)]
mod tests;
