//! Cargo subcommands that the project pins to one version, whatever else is installed: prebuilt from a Python
//! package where there is one for this machine, since compiling them takes minutes.

use std::env::consts::{ARCH, EXE_SUFFIX, OS};
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::terminal::{heading, say};
use crate::tool::Tool;
use crate::wheel::{Download, Wheel};
use crate::workspace::{Workspace, acquire_lock};

/// A tool in its pinned version.
#[derive(Debug)]
pub(crate) struct CargoTool {
    /// The crate's name and the program's.
    name: &'static str,
    version: &'static str,
    /// The sha256 of the wheels, in the order of [`PLATFORMS`].
    wheels: [&'static str; 5],
}

/// The platforms with wheels: the system, the processor, and the tag in the wheel's name.
const PLATFORMS: [(&str, &str, &str); 5] = [
    (
        "linux",
        "x86_64",
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
    ),
    (
        "linux",
        "aarch64",
        "manylinux_2_17_aarch64.manylinux2014_aarch64",
    ),
    ("macos", "x86_64", "macosx_10_12_x86_64"),
    ("macos", "aarch64", "macosx_11_0_arm64"),
    ("windows", "x86_64", "win_amd64"),
];

impl CargoTool {
    /// Checks licences, bans, sources and security advisories.
    pub(crate) const DENY: Self = Self {
        name: "cargo-deny",
        version: "0.20.2",
        wheels: [
            "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
            "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
            "985935f3757bbe9a0267c94b6e0813fc80c9ba13ba55b207525ee86b05618357",
            "8741971eda68ec4018b891bf4eb97e4e53a16974bf43b7fe9903048919592bb7",
            "fa38a4783426db539c456db9319911d81418bbe0e5d1c8da757c4965b9fab44e",
        ],
    };

    /// Builds fuzz targets.
    pub(crate) const FUZZ: Self = Self {
        name: "cargo-fuzz",
        version: "0.13.2",
        wheels: [
            "612108f626b6ee0e5d63b1a0e257c89c13abffbd8fff539ccbffb7205b33093f",
            "25b65340d3f18c4b18b8f7e54855b64c53e6526864b192d32a189b59ded41198",
            "ae22e17a288f4b815e509095cc15f3bacd42b3342f50106f85bbdff87f651cd4",
            "802ad95a41270a09fb6285889bedd132590a21512547b89f3a1c82a6918797e1",
            "8c617c6162bea2c77fcce21c07279bd2f2a93e1b5243dabdc5e85c61f66a45fe",
        ],
    };

    /// Returns the tool's place in this clone.
    ///
    /// # Errors
    /// When cargo's target folder cannot be written.
    pub(crate) fn place(&'static self, workspace: &Workspace) -> Result<Place, Error> {
        Ok(Place {
            tool: self,
            folder: workspace.scratch()?,
            root: workspace.root().to_owned(),
        })
    }

    /// Returns the sha256 and the tag of this machine's wheel. Those for Linux need the GNU C library.
    fn wheel(&self) -> Option<(&'static str, &'static str)> {
        let mut known = PLATFORMS.iter().zip(self.wheels);
        let (&(_, _, tag), sha256) =
            known.find(|((system, processor, _), _)| (*system, *processor) == (OS, ARCH))?;
        (!cfg!(target_env = "musl")).then_some((sha256, tag))
    }
}

/// A tool's place in this clone.
#[derive(Debug)]
pub(crate) struct Place {
    tool: &'static CargoTool,
    folder: PathBuf,
    root: PathBuf,
}

impl Place {
    fn program(&self) -> PathBuf {
        let CargoTool { name, version, .. } = self.tool;
        self.folder
            .join(format!("{name}-{version}"))
            .join("bin")
            .join(format!("{name}{EXE_SUFFIX}"))
    }

    /// Returns whether the tool is installed.
    pub(crate) fn is_installed(&self) -> bool {
        self.program().is_file()
    }

    /// Returns one line about what [`Place::install`] does.
    pub(crate) fn offer(&self) -> String {
        let CargoTool { name, version, .. } = self.tool;
        let from = if self.tool.wheel().is_some() {
            "a Python package"
        } else {
            "source, which takes minutes"
        };
        format!(
            "{name} {version} from {from}, into {}",
            self.folder.display()
        )
    }

    /// Returns the tool, to run in the repository's root; installs it first when it is missing.
    ///
    /// # Errors
    /// When it cannot be installed.
    pub(crate) fn tool(&self) -> Result<Tool, Error> {
        if !self.is_installed() {
            self.install()?;
        }
        Ok(Tool::new(self.program(), "its messages stand above").dir(&self.root))
    }

    /// Installs the tool.
    ///
    /// # Errors
    /// When it cannot be downloaded, does not match its sha256, or does not compile.
    pub(crate) fn install(&self) -> Result<(), Error> {
        let _lock = acquire_lock(&self.folder.join("tools.lock"))?;
        if self.is_installed() {
            return Ok(());
        }
        let CargoTool { name, version, .. } = self.tool;
        heading(format!("installing {name} {version}"));
        let program = self.program();
        let bin = program.parent().unwrap_or(&self.folder);
        match self.tool.wheel() {
            Some((sha256, tag)) => self.unpack(sha256, tag, bin)?,
            None => Tool::cargo(&self.root)
                .args(["install", "--locked", "--version", version, "--root"])
                .arg(bin.parent().unwrap_or(bin))
                .arg(name)
                .run()?,
        }
        say(format!("{} is in place", program.display()));
        Ok(())
    }

    fn unpack(&self, sha256: &'static str, tag: &str, bin: &Path) -> Result<(), Error> {
        let CargoTool { name, version, .. } = self.tool;
        let package = format!("astral-dev-toolchain-{name}");
        let stem = format!("{}-{version}", package.replace('-', "_"));
        let wheel = Wheel {
            package: &format!("{package}=={version}"),
            file: &format!("{stem}-py3-none-{tag}.whl"),
            sha256,
            member: &format!("{stem}.data/scripts/{name}{EXE_SUFFIX}"),
        };
        let download = Download::begin(self.folder.join(".tool"))?;
        let file = wheel.unpack(&download)?;
        make_executable(&file)?;
        fs::create_dir_all(bin).map_err(Error::file("create", bin))?;
        fs::rename(&file, self.program()).map_err(Error::file("put in place", self.program()))
    }
}

#[cfg(unix)]
fn make_executable(file: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;

    let permissions = fs::Permissions::from_mode(0o755);
    fs::set_permissions(file, permissions).map_err(Error::file("make executable", file))
}

#[cfg(not(unix))]
fn make_executable(_file: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wheel_is_pinned() {
        for tool in [CargoTool::DENY, CargoTool::FUZZ] {
            for sha256 in tool.wheels {
                assert_eq!(sha256.len(), 64, "{}", tool.name);
            }
        }
    }

    #[test]
    fn a_tool_is_named_with_its_version_so_that_a_newer_one_is_installed_anew() {
        let place = Place {
            tool: &CargoTool::DENY,
            folder: PathBuf::from("target/xtask"),
            root: PathBuf::new(),
        };
        assert!(
            place
                .program()
                .starts_with("target/xtask/cargo-deny-0.20.2/bin")
        );
        assert!(!place.is_installed());
    }
}
