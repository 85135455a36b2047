//! `cargo xtask setup`: lists everything that a fresh machine lacks, then installs it.

use crate::cargo_tool::CargoTool;
use crate::error::Error;
use crate::model::Model;
use crate::page::{self, Packages};
use crate::system;
use crate::terminal::{say, success};
use crate::workspace::{Workspace, acquire_lock};

/// Installs what is missing; takes seconds when nothing is.
///
/// # Errors
/// When a prerequisite is missing that xtask does not install, or an installation fails.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Error> {
    let _lock = acquire_lock(&workspace.scratch()?.join("setup.lock"))?;
    // Before anything is downloaded, because the user has to install Node.
    page::check_node()?;
    let system = system::missing_packages()?;
    let packages = Packages::wanted(workspace)?;
    let model = Model::in_data_folder()?;

    let mut offers = Vec::new();
    if !system.is_empty() {
        offers.push(format!(
            "system packages, with apt-get: {}",
            system.join(" ")
        ));
    }
    if !packages.are_installed() {
        offers.push("the page's npm packages, into ui/node_modules".to_owned());
    }
    let has_model = model.is_installed()?;
    if !has_model {
        offers.push(model.offer());
    }
    let deny = CargoTool::DENY.place(workspace)?;
    if !deny.is_installed() {
        offers.push(deny.offer());
    }
    if offers.is_empty() {
        say("set-up: nothing left to do");
        return Ok(());
    }

    say("set-up is going to install:");
    for offer in &offers {
        say(format!("  - {offer}"));
    }
    if !system.is_empty() {
        system::install(&system)?;
    }
    if !packages.are_installed() {
        packages.install()?;
    }
    if !has_model {
        model.install()?;
    }
    if !deny.is_installed() {
        deny.install()?;
    }
    success("set-up is complete");
    Ok(())
}
