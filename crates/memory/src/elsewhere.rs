//! Systems without this advice.

use std::mem::MaybeUninit;

/// Does nothing here.
pub fn huge_pages_where_asked_for() -> bool {
    false
}

/// Does nothing here.
///
/// # Errors
///
/// None here.
pub fn release_code() -> std::io::Result<()> {
    Ok(())
}

pub(crate) fn prefer_huge_pages<T>(_: &mut [MaybeUninit<T>]) {}

pub(crate) fn prefer_small_pages<T>(_: &mut [MaybeUninit<T>]) {}
