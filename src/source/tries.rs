//! nginx's lists of the servers that a request was tried at, such as `$upstream_addr`.
//!
//! A list in, its items out. nginx writes `, ` before the next server of a group and ` : ` where an internal redirect led
//! to another group, which is nothing's end when no server of that group was asked (ngx_http_upstream.c,
//! ngx_http_upstream_addr_variable). An address may hold commas and colons, but none with these spaces.

use memchr::{memchr_iter, memrchr_iter};

/// The items of a list, in order; one without a separator is one item.
pub(crate) fn tries(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(without_open_end(list));
    std::iter::from_fn(move || {
        let list = rest?;
        let separator = memchr_iter(b' ', list).find_map(|space| separator_at(list, space));
        rest = separator.map(|(_, end)| &list[end..]);
        Some(separator.map_or(list, |(start, _)| &list[..start]))
    })
}

/// The last item of a list.
#[inline(always)]
pub(super) fn last_try(list: &[u8]) -> &[u8] {
    let list = without_open_end(list);
    // Of ` : ` both spaces are looked at, and the first of them is the one that tells.
    let separator = memrchr_iter(b' ', list).find_map(|space| separator_at(list, space));
    separator.map_or(list, |(_, end)| &list[end..])
}

/// Where the separator that has its first space here begins, and what follows it.
#[inline(always)]
fn separator_at(list: &[u8], space: usize) -> Option<(usize, usize)> {
    if list[space..].starts_with(b" : ") {
        return Some((space, space + 3));
    }
    (list[..space].ends_with(b",")).then(|| (space - 1, space + 1))
}

fn without_open_end(list: &[u8]) -> &[u8] {
    list.strip_suffix(b" : ").unwrap_or(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn items(list: &str) -> Vec<&str> {
        tries(list.as_bytes()).map(|item| std::str::from_utf8(item).unwrap()).collect()
    }

    #[test]
    fn lists_are_split_where_nginx_joins_them() {
        assert_eq!(items("10.0.0.1:80"), ["10.0.0.1:80"]);
        assert_eq!(
            items("10.0.0.1:80, [2001:db8::1]:80 : unix:/a,b"),
            ["10.0.0.1:80", "[2001:db8::1]:80", "unix:/a,b"]
        );
        assert_eq!(items("0.010, - : -, 0.002"), ["0.010", "-", "-", "0.002"]);
        // No server of the second group was asked, or the first request was answered from the cache.
        assert_eq!(items("10.0.0.1:80 : "), ["10.0.0.1:80"]);
        assert_eq!(items(", 10.0.0.1:80"), ["", "10.0.0.1:80"]);
        assert_eq!(items(""), [""]);
        for one in ["a,b", "a :b", "a: b", "a b", ",", ":", " "] {
            assert_eq!(items(one), [one]);
        }
    }

    proptest! {
        #[test]
        fn the_last_item_is_the_last_of_all(list in "[a,: ]{0,12}") {
            // Where separators overlap, as nothing writes them, the ends may differ.
            prop_assume!(!list.contains(",  :") && !list.contains(" : : ") && !list.contains(", : "));
            prop_assert_eq!(tries(list.as_bytes()).last(), Some(last_try(list.as_bytes())));
        }

        #[test]
        fn joined_items_come_back(items in prop::collection::vec("[a-z0-9][a-z0-9.:]{0,4}", 1..6), groups in prop::collection::vec(any::<bool>(), 5)) {
            let mut list = items[0].clone();
            for (item, is_group) in items[1..].iter().zip(groups) {
                list.push_str(if is_group { " : " } else { ", " });
                list.push_str(item);
            }
            prop_assert_eq!(tries(list.as_bytes()).map(|item| item.to_vec()).collect::<Vec<_>>(), items.iter().map(|item| item.clone().into_bytes()).collect::<Vec<_>>());
        }
    }
}
