//! Errors of records.

use countersign_identity::admin::AdminError;
use countersign_identity::records::write::WriteError;
use countersign_identity::records::{QueryError, RecordsLimit};

use super::{Failure, FailureKind};
use crate::metrics::ServerLimit;
use crate::user_changes::NewPasswordError;

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let text = error.to_string();
        match error {
            QueryError::Anonymous | QueryError::NotTrusted(_) => Self::denied(text),
            QueryError::TooMuch(RecordsLimit::Records | RecordsLimit::Embedded | RecordsLimit::Bytes) => {
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

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        let text = error.to_string();
        match error {
            WriteError::KeySession => Self::not_authorized(text),
            WriteError::NotTrusted | WriteError::Foreign | WriteError::Reserved(_) => Self::denied(text),
            WriteError::Parent(_) => Self::new(FailureKind::NotFound, text),
            WriteError::Id(_)
            | WriteError::TooMany
            | WriteError::Record
            | WriteError::Field { .. }
            | WriteError::Value { .. }
            | WriteError::RawPassword
            | WriteError::User(_) => Self::argument(text),
            WriteError::Uri(error) => error.into(),
            WriteError::Query(error) => error.into(),
            WriteError::Storage(fault) => fault.into(),
        }
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        let text = error.to_string();
        match error {
            AdminError::OtpSession => Self::not_authorized(text),
            AdminError::NotTrusted | AdminError::RoleProtected(_) => Self::denied(text),
            AdminError::LoginTaken(_) | AdminError::RoleTaken(_) => Self::new(FailureKind::Exists, text),
            AdminError::NoSuchUser(_) | AdminError::NoSuchRole(_) => Self::new(FailureKind::NotFound, text),
            AdminError::Storage(fault) => fault.into(),
            _ => Self::argument(text),
        }
    }
}

impl From<NewPasswordError> for Failure {
    fn from(error: NewPasswordError) -> Self {
        let text = error.to_string();
        match error {
            NewPasswordError::Refused(_) => Self::argument(text),
            NewPasswordError::Busy(_) => Self::new(FailureKind::LimitExceeded, text).at(ServerLimit::PasswordQueue),
        }
    }
}
