//! What the machine itself must have: compilers, the web view and its driver, Python.
//!
//! On Debian and Ubuntu xtask installs what is missing; elsewhere it only checks, and prints exactly what to
//! install, because package names and the right to install are the user's there.

mod debian;
mod os_release;
mod probes;

use crate::error::Error;
use crate::system::debian::MissingPackages;
use crate::system::os_release::OsRelease;

/// Checks the machine and returns the system packages that xtask has to install.
///
/// # Errors
/// When something is missing on a platform where xtask installs nothing.
pub(crate) fn missing_packages() -> Result<MissingPackages, Error> {
    let probes = match std::env::consts::OS {
        "linux" => {
            let os = OsRelease::read();
            if os.is_debian_family() {
                return debian::missing_packages();
            }
            probes::linux(&os)
        }
        "macos" => probes::macos(),
        "windows" => probes::windows(),
        other => {
            return Err(Error::Missing {
                what: format!("{other} is not a platform of Conch"),
                remedy: "use Linux, macOS or Windows".to_owned(),
            });
        }
    };
    probes::check(&probes)?;
    Ok(MissingPackages::default())
}
