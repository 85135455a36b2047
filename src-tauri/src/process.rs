//! Hardening of this process: other users cannot read the files that it creates, its memory is never dumped to
//! disk, and its child processes inherit no API key.
//!
//! All of it happens first in main, before any other thread exists, and applies to child processes: they inherit
//! umask and limits, and an environment without the providers' variables.

use std::ffi::OsString;

use conch_core::provider::environment_variables;

/// When set, tools of the same user, such as a debugger, can read the process's memory.
#[cfg(target_os = "linux")]
const DUMPABLE_VARIABLE: &str = "CONCH_DUMPABLE";

/// The umask and limits that the process was started with, restored for the programs that it opens for the user.
#[derive(Debug, Clone, Copy)]
pub struct InheritedLimits {
    #[cfg(unix)]
    umask: rustix::fs::Mode,
    #[cfg(unix)]
    core: rustix::process::Rlimit,
}

impl InheritedLimits {
    /// Saves the inherited umask and limits and hardens the process: only the user can read its files, and its
    /// memory goes to no core file and to no other process of the user. Must be called before any other thread
    /// exists.
    pub fn save_and_harden() -> Self {
        #[cfg(target_os = "linux")]
        disable_dumps();
        restrict_files_and_core()
    }

    /// Restores them in a child, between fork and exec.
    #[cfg(unix)]
    pub(crate) fn restore(&self) {
        rustix::process::umask(self.umask);
        let _ = rustix::process::setrlimit(rustix::process::Resource::Core, self.core);
    }
}

#[cfg(not(unix))]
fn restrict_files_and_core() -> InheritedLimits {
    InheritedLimits {}
}

#[cfg(unix)]
fn restrict_files_and_core() -> InheritedLimits {
    use rustix::fs::Mode;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

    let inherited = InheritedLimits {
        umask: umask(Mode::RWXG | Mode::RWXO),
        core: getrlimit(Resource::Core),
    };
    // A limit of zero applies only to core files. One byte is too small for a file as well, and Linux also takes it
    // as the mark not to pipe the core to a program.
    let none = Rlimit {
        current: Some(1),
        ..inherited.core
    };
    let _ = setrlimit(Resource::Core, none);
    inherited
}

/// Denies other processes of the user a core, a debugger and `/proc/PID/environ`. Desktop portals inspect the
/// processes that call them, so the process stays dumpable where portals are used.
#[cfg(target_os = "linux")]
fn disable_dumps() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};

    let asked = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let portals = asked("GTK_USE_PORTAL") || std::path::Path::new("/.flatpak-info").exists();
    if !portals && !asked(DUMPABLE_VARIABLE) {
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// The providers' variables, removed from the environment.
#[derive(Debug)]
pub(crate) struct ProviderVariables(Vec<(&'static str, OsString)>);

impl ProviderVariables {
    /// Removes them from the environment, so that no child inherits a key, and overwrites their values in memory.
    /// Must be called before any other thread exists.
    pub(crate) fn from_environment() -> Self {
        let inherited =
            environment_variables().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let inherited: Vec<_> = inherited.collect();
        for (name, _) in &inherited {
            remove_variable(name);
        }
        Self(inherited)
    }

    /// Returns the value that a variable had at start.
    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        let taken = self.0.iter().find(|(taken, _)| *taken == name);
        taken.map_or_else(|| std::env::var_os(name), |(_, value)| Some(value.clone()))
    }

    /// Returns all removed variables, for a restart of the same executable.
    #[cfg(unix)]
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &OsString)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }
}

fn remove_variable(name: &str) {
    #[cfg(unix)]
    zeroize_value(name);
    #[expect(
        unsafe_code,
        reason = "called first in main, before any other thread exists"
    )]
    unsafe {
        std::env::remove_var(name);
    }
}

/// Overwrites the value of a variable in place: the initial environment block stays in memory and is shown in
/// `/proc/PID/environ`.
#[cfg(unix)]
fn zeroize_value(name: &str) {
    let Ok(name) = std::ffi::CString::new(name) else {
        return;
    };
    #[expect(
        unsafe_code,
        reason = "the value is the process's own and writable, and no other thread exists that reads it"
    )]
    unsafe {
        let value = libc::getenv(name.as_ptr());
        if !value.is_null() {
            std::ptr::write_bytes(value, 0, libc::strlen(value));
        }
    }
}
