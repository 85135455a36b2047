//! What this process is to others: no file that it makes is theirs to read, its memory is on no disk, and
//! what it starts learns no key.
//!
//! All of it is done first in main, before any other thread exists, and holds for the children: they inherit
//! umask and limits, and an environment without the providers' variables.

use std::ffi::OsString;

use conch_core::provider::environment_variables;

/// A variable that leaves the process's memory open to tools of the same user, such as a debugger.
#[cfg(target_os = "linux")]
const DUMPABLE_VARIABLE: &str = "CONCH_DUMPABLE";

/// What the process was given and does not keep: a program of the user's that it opens gets it back.
#[derive(Debug, Clone, Copy)]
pub struct InheritedLimits {
    #[cfg(unix)]
    umask: rustix::fs::Mode,
    #[cfg(unix)]
    core: rustix::process::Rlimit,
}

impl InheritedLimits {
    /// Closes the process to others: its files are only the user's, and its memory goes to no core file and to
    /// no other process of the user. Must be called before any other thread exists.
    pub fn save_and_harden() -> Self {
        #[cfg(target_os = "linux")]
        disable_dumps();
        restrict_files_and_core()
    }

    /// Gives it back, in a child that is about to become another program.
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
    // Zero counts only for a core that becomes a file. One byte is too little for that as well, and Linux takes
    // it for a mark that no program is to be given the core either.
    let none = Rlimit {
        current: Some(1),
        ..inherited.core
    };
    let _ = setrlimit(Resource::Core, none);
    inherited
}

/// No core, no debugger and no `/proc/PID/environ` for other processes of the user. The desktop's portals look
/// into the processes that ask them, so where those are asked for the memory stays open.
#[cfg(target_os = "linux")]
fn disable_dumps() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};

    let asked = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let portals = asked("GTK_USE_PORTAL") || std::path::Path::new("/.flatpak-info").exists();
    if !portals && !asked(DUMPABLE_VARIABLE) {
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// The providers' variables, taken out of the environment.
#[derive(Debug)]
pub(crate) struct ProviderVariables(Vec<(&'static str, OsString)>);

impl ProviderVariables {
    /// Takes them, so that no child inherits a key, and blots out what the system shows of them. Must be
    /// called before any other thread exists.
    pub(crate) fn from_environment() -> Self {
        let inherited =
            environment_variables().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let inherited: Vec<_> = inherited.collect();
        for (name, _) in &inherited {
            remove_variable(name);
        }
        Self(inherited)
    }

    /// The value of any variable, as it was given.
    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        let taken = self.0.iter().find(|(taken, _)| *taken == name);
        taken.map_or_else(|| std::env::var_os(name), |(_, value)| Some(value.clone()))
    }

    /// All that were taken, for the same executable started again.
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

/// Overwrites the value of a variable where it stands: the strings that a process was started with stay in its
/// memory, and in `/proc/PID/environ`.
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
