//! Errors as the page receives them: a stable code for programs, a message for people.

use conch_core::model::BranchId;
use conch_core::{Error, ErrorCode};
use serde::Serialize;
use specta::Type;

use crate::{opener, window};

/// Why a command was refused or failed.
#[derive(Debug, Clone, Serialize, Type)]
pub struct IpcError {
    /// A stable name.
    pub code: ErrorCode,
    /// What happened and what to do next.
    pub message: String,
    /// The branch that holds the lock, where a lock is the reason.
    #[serde(rename = "branchId", skip_serializing_if = "Option::is_none")]
    #[specta(optional)]
    pub branch_id: Option<BranchId>,
}

impl From<window::OpenError> for IpcError {
    fn from(error: window::OpenError) -> Self {
        match error {
            window::OpenError::TooMany => Self {
                code: ErrorCode::WindowLimit,
                message: error.to_string(),
                branch_id: None,
            },
            window::OpenError::Refused(error) => error.into(),
        }
    }
}

impl IpcError {
    pub(crate) fn new(code: ErrorCode, message: &str) -> Self {
        Self {
            code,
            message: message.to_owned(),
            branch_id: None,
        }
    }
}

impl From<tauri::Error> for IpcError {
    fn from(error: tauri::Error) -> Self {
        tracing::error!(%error, "the window system returned an error");
        Self {
            code: ErrorCode::Internal,
            message: format!("The window could not be opened: {error}"),
            branch_id: None,
        }
    }
}

impl From<opener::OpenError> for IpcError {
    fn from(error: opener::OpenError) -> Self {
        tracing::error!(%error, "no program could be started to open an address");
        Self {
            code: ErrorCode::Internal,
            message: error.to_string(),
            branch_id: None,
        }
    }
}

impl From<Error> for IpcError {
    fn from(error: Error) -> Self {
        let code = error.code();
        if code == ErrorCode::Internal {
            tracing::error!(error = &error as &dyn std::error::Error, "a command failed");
        }
        Self {
            code,
            message: error.to_string(),
            branch_id: error.branch_id().cloned(),
        }
    }
}
