//! Spans and events of `tracing`: commits, checkpoints, maintenance, and waits for locks.
//!
//! Every span of the crate below the server is listed here; the page `tracing` of the
//! documentation describes them. Without the feature `tracing` a span is empty, and the compiler
//! removes it. No field contains a name, an id or a body.

use std::path::Path;

use crate::model::error::ErrorKind;

/// A span, which ends when it is dropped.
#[must_use]
pub(crate) struct Span {
    #[cfg(feature = "tracing")]
    entered: tracing::span::EnteredSpan,
}

/// Opens a span with fields that are recorded later.
macro_rules! open {
    ($level:ident, $name:literal $(, $field:ident)*) => {
        Span {
            #[cfg(feature = "tracing")]
            entered: tracing::span!(
                target: "promptbook",
                tracing::Level::$level,
                $name
                $(, $field = tracing::field::Empty)*
            )
            .entered(),
        }
    };
}

impl Span {
    /// Opens the span of a transaction that is being committed, the flush included.
    pub(crate) fn commit() -> Self {
        open!(DEBUG, "commit", operations, bodies, bytes)
    }

    /// Opens the span of a checkpoint.
    pub(crate) fn checkpoint() -> Self {
        open!(DEBUG, "checkpoint", bodies, bytes)
    }

    /// Opens the span of a task of maintenance.
    pub(crate) fn maintenance(task: &'static str) -> Self {
        open!(DEBUG, "maintenance", task).text("task", task)
    }

    /// Opens the span of a wait for another process or thread that holds the lock on a file.
    pub(crate) fn lock_wait(file: &Path) -> Self {
        let name = file.file_name().and_then(|name| name.to_str());
        open!(INFO, "lock_wait", lock).text("lock", name.unwrap_or_default())
    }

    /// Opens the span of a wait for other writers of the same handle.
    pub(crate) fn queue_wait() -> Self {
        open!(DEBUG, "queue_wait")
    }

    /// Records a number in a field of the span.
    pub(crate) fn record(&self, field: &'static str, value: u64) {
        #[cfg(feature = "tracing")]
        self.entered.record(field, value);
        #[cfg(not(feature = "tracing"))]
        let _ = (field, value);
    }

    fn text(self, field: &'static str, value: &str) -> Self {
        #[cfg(feature = "tracing")]
        self.entered.record(field, value);
        #[cfg(not(feature = "tracing"))]
        let _ = (field, value);
        self
    }
}

/// Reports that a task of the maintenance worker failed. Nothing is lost, and it is repeated later.
pub(crate) fn maintenance_failed(kind: ErrorKind) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "promptbook", ?kind, "maintenance failed");
    #[cfg(not(feature = "tracing"))]
    let _ = kind;
}
