//! Which Linux this is, from `/etc/os-release`.

use std::fs;

/// The fields of os-release(5) that decide which package manager is at hand.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct OsRelease {
    id: String,
    id_like: Vec<String>,
    name: String,
}

impl OsRelease {
    /// Reads the machine's own file; without one, this is an unknown Linux.
    pub(super) fn read() -> Self {
        ["/etc/os-release", "/usr/lib/os-release"]
            .iter()
            .find_map(|path| fs::read_to_string(path).ok())
            .map_or_else(Self::default, |text| Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut os = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.trim().split_once('=')) {
            let value = value.trim_matches(['"', '\'']);
            match key {
                "ID" => value.clone_into(&mut os.id),
                "ID_LIKE" => os.id_like = value.split_whitespace().map(str::to_owned).collect(),
                "PRETTY_NAME" => value.clone_into(&mut os.name),
                _ => {}
            }
        }
        os
    }

    /// The system's name for display.
    pub(super) fn name(&self) -> &str {
        if self.name.is_empty() {
            "this Linux"
        } else {
            &self.name
        }
    }

    /// Returns whether apt and Debian's package names apply.
    pub(super) fn is_debian_family(&self) -> bool {
        self.is_like("debian") || self.is_like("ubuntu")
    }

    /// Returns whether pacman and Arch's package names apply.
    pub(super) fn is_arch_family(&self) -> bool {
        self.is_like("arch")
    }

    fn is_like(&self, family: &str) -> bool {
        self.id == family || self.id_like.iter().any(|like| like == family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_and_ubuntu_and_their_children_take_apt() {
        let debian =
            OsRelease::parse("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n");
        assert!(debian.is_debian_family());
        assert_eq!(debian.name(), "Debian GNU/Linux 12 (bookworm)");
        assert!(
            OsRelease::parse("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"").is_debian_family()
        );
        assert!(OsRelease::parse("ID=linuxmint\nID_LIKE=\"ubuntu debian\"").is_debian_family());
    }

    #[test]
    fn others_do_not() {
        let fedora = OsRelease::parse("ID=fedora\nVERSION_ID=41");
        assert!(!fedora.is_debian_family() && !fedora.is_arch_family());
        assert!(OsRelease::parse("ID=manjaro\nID_LIKE=arch").is_arch_family());
        assert!(!OsRelease::parse("").is_debian_family());
        assert_eq!(OsRelease::parse("# nothing\n\n").name(), "this Linux");
    }
}
