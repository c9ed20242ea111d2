//! Errors of records.

use countersign_identity::records::{QueryError, RecordsLimit};

use super::{Failure, FailureKind};

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let text = error.to_string();
        match error {
            QueryError::Anonymous | QueryError::NotTrusted(_) => Self::denied(text),
            QueryError::TooMuch(RecordsLimit::Records | RecordsLimit::Embedded) => {
                Self::new(FailureKind::LimitExceeded, text)
            }
            QueryError::Collection(_)
            | QueryError::Field { .. }
            | QueryError::Filter { .. }
            | QueryError::Combiner(_)
            | QueryError::Operator(_)
            | QueryError::Unsuitable { .. }
            | QueryError::Value { .. }
            | QueryError::Nul
            | QueryError::Sort(_)
            | QueryError::Unsortable(_)
            | QueryError::Limit
            | QueryError::PageIndex
            | QueryError::TooMuch(_) => Self::argument(text),
            QueryError::Storage(fault) => fault.into(),
        }
    }
}
