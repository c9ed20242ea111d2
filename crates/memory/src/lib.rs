//! What this process asks of the system about its memory.
//!
//! All of it is advice: it changes how memory is backed, and nothing that the program reads there. Where the system
//! knows no such advice (any but Linux, and older versions of it), nothing happens, and everything works as well.
//!
//! **Boundary:** the one crate of the workspace with `unsafe`. The calls behind it are each a line, take only ranges that
//! are known to be the caller's or the program's own code, and say why they are sound.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
use elsewhere as system;

use std::ops::{Deref, DerefMut};

pub use system::{huge_pages_where_asked_for, release_code};

/// A slice in memory of its own, in huge pages where the system gives them.
///
/// For memory that is large, used as a whole and at random, as that of a password hash: the processor knows where a few
/// huge pages are, and has to look up small ones all the time. Needs [`huge_pages_where_asked_for`] once before.
pub struct HugeSlice<T>(Vec<T>);

impl<T: Clone> HugeSlice<T> {
    /// `length` times `value`.
    pub fn filled(value: T, length: usize) -> Self {
        let mut items = Vec::with_capacity(length);
        // Before the first byte is written: the system decides then.
        system::prefer_huge_pages(items.spare_capacity_mut());
        items.resize(length, value);
        Self(items)
    }
}

impl<T> Deref for HugeSlice<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for HugeSlice<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> Drop for HugeSlice<T> {
    fn drop(&mut self) {
        self.0.clear();
        // The allocator may give the place to something small, which would hold 2 MiB then.
        system::prefer_small_pages(self.0.spare_capacity_mut());
    }
}
