//! The environment variables that tests and the windows that they open inherit from a developer: those that are
//! needed to find programs, folders and the display, to build, and to set the locale. All others are dropped, above
//! all the keys, addresses and proxies of every provider, so that no test sends a request with a developer's own
//! key.
//!
//! `tests/window` compiles this file, too: xtask must not depend on it, nor it on xtask.

use std::ffi::{OsStr, OsString};

/// The names that are inherited.
const NAMES: &[&str] = &[
    "APPDATA",
    "AR",
    "CC",
    "CFLAGS",
    "CI",
    "COLORTERM",
    "COMSPEC",
    "CXX",
    "CXXFLAGS",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LD",
    "LDFLAGS",
    "LIBCLANG_PATH",
    "LOCALAPPDATA",
    "LOGNAME",
    "NO_AT_BRIDGE",
    "NO_COLOR",
    "NUMBER_OF_PROCESSORS",
    "PATH",
    "PATHEXT",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "PROGRAMFILES(X86)",
    "PWD",
    "SHELL",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "USERNAME",
    "USERPROFILE",
    "WAYLAND_DISPLAY",
    "WINDIR",
    "XAUTHORITY",
];

/// The prefixes of other inherited names. Some hold the name or path of a library.
const BEGINNINGS: &[&str] = &[
    "CARGO",
    "CMAKE_",
    "CONCH_",
    "DYLD_",
    "FONTCONFIG_",
    "GDK_",
    "GSETTINGS_",
    "GST_",
    "GTK_",
    "LC_",
    "LD_",
    "LIBGL_",
    "MESA_",
    "PKG_CONFIG",
    "PROCESSOR_",
    "RUST",
    "SQLX_",
    "WEBKIT_",
    "XDG_",
];

/// Returns whether a variable is inherited.
pub fn is_inherited(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    // A registry's token, which no test needs, and the folder of a developer's own conversations.
    if name.ends_with("_TOKEN") || name == "CONCH_DATA_DIR" {
        return false;
    }
    // Names are case-insensitive on Windows.
    let is = |known: &&str| known.eq_ignore_ascii_case(name);
    NAMES.iter().any(is)
        || BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

/// Returns the inherited variables of this process's environment.
pub(crate) fn inherited() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| is_inherited(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_no_address_and_no_proxy_is_inherited() {
        for name in [
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "ANTHROPIC_API_KEY",
            "GEMINI_API_KEY",
            "GOOGLE_GEMINI_BASE_URL",
            "GROQ_API_KEY",
            "A_PROVIDER_OF_TOMORROW_API_KEY",
            "OLLAMA_HOST",
            "HTTP_PROXY",
            "https_proxy",
            "all_proxy",
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "CARGO_REGISTRY_TOKEN",
            "CONCH_DATA_DIR",
        ] {
            assert!(!is_inherited(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn what_programs_need_is_inherited() {
        for name in [
            "PATH",
            "HOME",
            "DISPLAY",
            "XDG_RUNTIME_DIR",
            "DBUS_SESSION_BUS_ADDRESS",
            "CARGO_HOME",
            "RUSTUP_TOOLCHAIN",
            "RUSTFLAGS",
            "CONCH_MODEL_FILE",
            "LC_ALL",
            "SystemRoot",
            "CI",
        ] {
            assert!(is_inherited(OsStr::new(name)), "{name}");
        }
    }
}
