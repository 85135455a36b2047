//! `cargo xtask setup`: lists everything that a fresh machine lacks, then installs it.

use crate::cargo_tool::{self, CargoTool};
use crate::terminal::{say, success};
use crate::workspace::{Workspace, acquire_lock};
use crate::{model, page, system};

/// What to install, and how.
type Step<'a> = (String, Box<dyn FnOnce() -> anyhow::Result<()> + 'a>);

/// Installs what is missing; takes seconds when nothing is.
///
/// # Errors
/// When Node is missing, which xtask does not install, or an installation fails.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let _lock = acquire_lock(&workspace.scratch()?.join("setup.lock"))?;
    let shell = workspace.shell();
    // Before anything is downloaded, because the user has to install Node.
    page::check_node(shell)?;
    let packages = system::missing_packages(shell)?;
    let deny = CargoTool::find(workspace, cargo_tool::DENY)?;
    let mut steps: Vec<Step<'_>> = Vec::new();
    if !packages.is_empty() {
        steps.push((
            format!("system packages, with apt-get: {}", packages.join(" ")),
            Box::new(|| system::install(shell, &packages)),
        ));
    }
    if !page::has_packages(shell)? {
        steps.push((
            "the page's npm packages, into ui/node_modules".to_owned(),
            Box::new(|| page::install_packages(shell)),
        ));
    }
    if !model::is_installed()? {
        steps.push((model::offer()?, Box::new(|| model::install(shell))));
    }
    if !deny.is_installed() {
        steps.push((deny.offer(), Box::new(|| deny.install())));
    }
    if steps.is_empty() {
        say("set-up: nothing left to do");
        return Ok(());
    }
    say("set-up is going to install:");
    for (offer, _) in &steps {
        say(format!("  - {offer}"));
    }
    for (_, install) in steps {
        install()?;
    }
    success("set-up is complete");
    Ok(())
}
