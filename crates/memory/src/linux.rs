//! Linux.

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;

use procfs::process::{MMPermissions, MMapPath, MemoryMap, Process};

/// `PR_THP_DISABLE_EXCEPT_ADVISED` of `linux/prctl.h`: no huge pages but where they are asked for.
const EXCEPT_ADVISED: libc::c_ulong = 1 << 1;

/// Has the system give this process huge pages where it asks for them, and nowhere else. Unasked they take several times the
/// memory of an idle server.
///
/// `false` where the system doesn't know this yet (it came with Linux 6.18). Everything stays as it was then.
pub fn huge_pages_where_asked_for() -> bool {
    let (disable, unused): (libc::c_ulong, libc::c_ulong) = (1, 0);
    // SAFETY: this option takes numbers alone, and touches no memory.
    #[expect(unsafe_code, reason = "the standard library has no prctl")]
    let status = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, disable, EXCEPT_ADVISED, unused, unused) };
    status == 0
}

/// Lets go of all pages of the program's code, and of its libraries', that are in this process's memory. Those that are needed
/// come back one after the other, from the system's cache or from the file; those that only the start needed don't.
///
/// A debugger or a tracer that has changed the code (breakpoints, uprobes) has to do it again.
///
/// # Errors
///
/// The system doesn't say what is where.
pub fn release_code() -> io::Result<()> {
    let maps = Process::myself().and_then(|process| process.maps()).map_err(io::Error::other)?;
    for map in maps.iter().filter(|map| is_code(map)) {
        let (start, end) = map.address;
        let (Ok(start), Ok(length)) = (usize::try_from(start), usize::try_from(end.saturating_sub(start))) else {
            continue;
        };
        let start: *mut c_void = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: the range is a mapping of a file that this process can't write to and has never written to (code is loaded
        // as it stands in the file; what the loader changes is in mappings that aren't executable). What is let go of is
        // read from the file again when it is next needed, with the same bytes. The mapping itself stays.
        #[expect(unsafe_code, reason = "the standard library has no madvise")]
        let _ = unsafe { libc::madvise(start, length, libc::MADV_DONTNEED) };
    }
    Ok(())
}

/// Whether it is code as it stands in a file: readable, executable, private, and not to be written to.
fn is_code(map: &MemoryMap) -> bool {
    let code = MMPermissions::READ | MMPermissions::EXECUTE | MMPermissions::PRIVATE;
    map.perms == code && matches!(map.pathname, MMapPath::Path(_))
}

pub(crate) fn prefer_huge_pages<T>(memory: &mut [MaybeUninit<T>]) {
    // Small pages that were used before would stay small.
    advise(memory, libc::MADV_DONTNEED);
    advise(memory, libc::MADV_HUGEPAGE);
}

pub(crate) fn prefer_small_pages<T>(memory: &mut [MaybeUninit<T>]) {
    advise(memory, libc::MADV_NOHUGEPAGE);
}

/// Tells the system how to back the whole pages of this memory, in which there is nothing yet.
fn advise<T>(memory: &mut [MaybeUninit<T>], advice: libc::c_int) {
    let page = page_bytes();
    let range = memory.as_mut_ptr_range();
    let skipped = range.start.cast::<u8>().align_offset(page);
    let length = size_of_val(memory).saturating_sub(skipped) / page * page;
    if length == 0 {
        return;
    }
    let start = range.start.cast::<u8>().wrapping_add(skipped).cast();
    // SAFETY: the range lies within memory that the caller lends for writing and that holds no value: whatever the advice
    // does to its bytes, nobody reads them before they are written.
    #[expect(unsafe_code, reason = "the standard library has no madvise")]
    let _ = unsafe { libc::madvise(start, length, advice) };
}

fn page_bytes() -> usize {
    usize::try_from(procfs::page_size()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HugeSlice;

    /// Kilobytes of a field of `/proc/self/smaps_rollup`-like totals over the mappings that `which` picks.
    fn resident_kib(which: impl Fn(&MemoryMap) -> bool) -> u64 {
        let maps = Process::myself().unwrap().smaps().unwrap();
        let resident = |map: &MemoryMap| map.extension.map.get("Rss").copied().unwrap_or_default() / 1024;
        maps.iter().filter(|map| which(map)).map(resident).sum()
    }

    #[test]
    fn code_that_was_let_go_of_is_not_resident_and_runs_again() {
        let before = resident_kib(is_code);
        release_code().unwrap();
        let after = resident_kib(is_code);
        assert!(after < before, "{before} KiB before, {after} KiB after");
        assert_eq!(std::hint::black_box(String::from("runs")).to_uppercase(), "RUNS");
    }

    #[test]
    fn only_executable_mappings_of_files_are_code() {
        let maps = Process::myself().unwrap().maps().unwrap();
        let code: Vec<&MemoryMap> = maps.iter().filter(|map| is_code(map)).collect();
        let this = page_bytes as *const () as u64;
        assert!(code.iter().any(|map| map.address.0 <= this && this < map.address.1), "the test itself is code");
        assert!(code.iter().all(|map| !map.perms.contains(MMPermissions::WRITE)));
    }

    #[test]
    fn a_huge_slice_holds_what_it_was_filled_with() {
        huge_pages_where_asked_for();
        for length in [0, 1, 511, 3 * 1024 * 1024] {
            let mut slice = HugeSlice::filled(7_u64, length);
            assert_eq!((slice.len(), slice.iter().filter(|item| **item == 7).count()), (length, length));
            if let Some(last) = slice.last_mut() {
                *last = 8;
            }
            assert_eq!(slice.last().copied(), (length > 0).then_some(8));
        }
    }
}
