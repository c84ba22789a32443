//! Lists that are used again: each batch has as long ones as the one before, and another thread drops them. Freed and
//! asked for anew, most of their memory would go back to the system and be cleared again each time.

use crate::threads::lock;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

/// Empty lists with room.
#[derive(Debug)]
pub(super) struct Pool<T>(Arc<Mutex<Vec<Vec<T>>>>);

/// A list that goes back to its pool, if it has one.
#[derive(Debug)]
pub(crate) struct Pooled<T> {
    list: Vec<T>,
    pool: Option<Arc<Mutex<Vec<Vec<T>>>>>,
}

impl<T> Pool<T> {
    /// No lists.
    pub(super) fn new() -> Self {
        Pool(Arc::default())
    }

    /// An empty list.
    pub(super) fn take(&self) -> Pooled<T> {
        let list = lock(&self.0).pop().unwrap_or_default();
        Pooled { list, pool: Some(Arc::clone(&self.0)) }
    }
}

impl<T> Drop for Pooled<T> {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            self.list.clear();
            lock(pool).push(std::mem::take(&mut self.list));
        }
    }
}

impl<T> Deref for Pooled<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.list
    }
}

impl<T> DerefMut for Pooled<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.list
    }
}

impl<'a, T> IntoIterator for &'a Pooled<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl<T> Default for Pooled<T> {
    fn default() -> Self {
        Pooled { list: Vec::new(), pool: None }
    }
}

impl<T: Clone> Clone for Pooled<T> {
    fn clone(&self) -> Self {
        Pooled { list: self.list.clone(), pool: None }
    }
}

impl<T> FromIterator<T> for Pooled<T> {
    fn from_iter<I: IntoIterator<Item = T>>(each: I) -> Self {
        Pooled { list: each.into_iter().collect(), pool: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_list_is_taken_again_empty_with_its_room() {
        let pool = Pool::new();
        let mut first = pool.take();
        first.extend(0..1000);
        let (copy, room) = (first.clone(), first.capacity());
        drop(first);
        let again = pool.take();
        assert_eq!((again.len(), again.capacity(), copy.len()), (0, room, 1000));
        drop((again, copy));
        assert_eq!(pool.0.lock().unwrap().len(), 1);
    }
}
