//! What a process prints, read as it comes.
//!
//! Invariant: the last [`LINES_KEPT_MAX`] lines are kept; a server that logs without end can't fill the test's memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::task::JoinHandle;

/// Lines kept for failure messages.
const LINES_KEPT_MAX: usize = 2_000;

/// Lines of standard output and standard error, in the order of arrival.
#[derive(Debug, Clone, Default)]
pub(crate) struct OutputLog {
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl OutputLog {
    /// Reads `stream` to its end in the background; each line is also handed to `each`. The task ends with
    /// the stream.
    pub(crate) fn follow(
        &self,
        stream: impl AsyncRead + Unpin + Send + 'static,
        mut each: impl FnMut(&str) + Send + 'static,
    ) -> JoinHandle<()> {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                each(&line);
                log.push(line);
            }
        })
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_KEPT_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Everything kept, as one text.
    pub(crate) fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}
