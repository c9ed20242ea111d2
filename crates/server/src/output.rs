//! Standard output.

use std::io::{self, Write as _};

/// Writes at once, so that whoever started this program can read on. A reader that has gone
/// (`countersign … | head -1`) has seen enough: that is no error.
///
/// # Errors
///
/// Those of the system.
pub fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
