//! Embeds the page and declares the commands: only a declared command can be granted to a window, and none is
//! granted without a capability.

use std::fs;

/// Grants the commands, each as `allow-its-name`.
const CAPABILITY: &str = "src-tauri/capabilities/main.json";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=ui/dist");
    println!("cargo::rerun-if-changed={CAPABILITY}");
    let capability: serde_json::Value = serde_json::from_str(&fs::read_to_string(CAPABILITY)?)?;
    let permissions = capability["permissions"].as_array().into_iter().flatten();
    let commands = permissions.filter_map(|permission| permission.as_str()?.strip_prefix("allow-"));
    let commands: Vec<&str> = commands
        .map(|command| &*command.replace('-', "_").leak())
        .collect();
    let manifest = tauri_build::AppManifest::new()
        .commands(commands.leak())
        // There are no such files. By default `permissions/` is watched, which this script itself writes to: the
        // second build of a fresh clone would recompile everything.
        .permissions_path_pattern("./src-tauri/permissions/**/*");
    let attributes = tauri_build::Attributes::new()
        .app_manifest(manifest)
        .capabilities_path_pattern("./src-tauri/capabilities/**/*");
    tauri_build::try_build(attributes)?;
    Ok(())
}
