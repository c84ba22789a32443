//! The numbers of a request's endpoint and breaker, as a worker gives them.
//!
//! Targets that were seen lately are looked up as they stand; all others are taken apart. What is forgotten when there
//! are too many names is decided here, what follows from that is not.

use super::ChunkReader;
use crate::request::Request;
use crate::route::endpoint::Interner;
use crate::route::recent::{Sight, Window};
use crate::route::{PARAMETER, path_of, route_of};
use crate::source::asked::Listing;
use crate::source::filter::admits;

/// Endpoints, or developers, that a worker remembers from chunk to chunk: more than there are where paths have templates.
const KEPT_NAMES: usize = 1 << 16;

/// And the bytes of their names.
const KEPT_NAME_BYTES: usize = 16 << 20;

impl ChunkReader {
    /// The endpoint of a request whose target is a piece of `text`, or else takes longer.
    #[inline(always)]
    pub(super) fn endpoint_of(&mut self, request: &Request, text: &[u8]) -> u32 {
        let sight = window_of(request.path, text)
            .and_then(|window| self.recent.sight(request.method, window, request.path.len()));
        match sight.as_ref().and_then(|sight| self.recent.find(sight)) {
            Some(endpoint) => endpoint,
            None => self.work_out_endpoint(request, sight),
        }
    }

    #[inline(never)]
    fn work_out_endpoint(&mut self, request: &Request, sight: Option<Sight>) -> u32 {
        let declared = self.plan.declared.as_ref();
        let route = match declared.and_then(|routes| routes.find(request.method, path_of(request.path))) {
            Some(pattern) => pattern,
            None if self.plan.raw_paths => path_of(request.path),
            None => route_of(request.path, &mut self.route),
        };
        let is_as_logged = std::ptr::eq(route.as_ptr(), request.path.as_ptr());
        let group = match self.plan.group_by {
            Some(index) => request.extras.get(index).unwrap_or(b"-"),
            None => b"",
        };
        let route_len = route.len();
        let endpoint = self.endpoints.intern([request.method, route, group]);
        if endpoint as usize == self.admitted.len() {
            let is_admitted = self.plan.filters.iter().all(|filter| admits(filter, request.method, route));
            self.admitted.push(is_admitted);
        }
        if let Some(sight) = sight.filter(|_| self.plan.group_by.is_none()) {
            // Targets with identifiers other than numbers are too many to come again soon.
            if is_as_logged || sight.outline.route_len(PARAMETER.len()) == route_len {
                self.recent.remember(&sight, endpoint);
            }
        }
        endpoint
    }

    /// What the request's breaker is kept by: its endpoint, or the value of a field; all without one share a breaker.
    #[inline(always)]
    pub(super) fn breaker_of(&mut self, request: &Request, endpoint: u32) -> u32 {
        match self.plan.breaker_by {
            None => endpoint,
            Some((index, listing)) => self.breaker_by_field(request, index, listing),
        }
    }

    #[inline(never)]
    fn breaker_by_field(&mut self, request: &Request, index: usize, listing: Listing) -> u32 {
        let value = request.extras.get(index).map_or(&b"-"[..], |value| listing.last(value));
        self.breakers.intern([b"", value, b""])
    }

    /// Forgets the endpoints, whose numbers begin anew, when there are many; whether it did.
    pub fn forget_endpoints(&mut self) -> bool {
        let forgets = forget_if_many(&mut self.endpoints);
        if forgets {
            self.admitted.clear();
            self.recent.clear();
        }
        forgets
    }

    /// The same of the developers.
    pub fn forget_developers(&mut self) -> bool {
        forget_if_many(&mut self.developers)
    }
}

/// The bytes from a target's start on, where the target is a piece of the text and that goes on far enough.
#[inline(always)]
fn window_of<'a>(target: &[u8], text: &'a [u8]) -> Option<&'a Window> {
    let at = target.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    text.get(at..)?.first_chunk()
}

fn forget_if_many(names: &mut Interner) -> bool {
    let are_many = names.len() > KEPT_NAMES || names.text_bytes() > KEPT_NAME_BYTES;
    if are_many {
        *names = Interner::default();
    }
    are_many
}
