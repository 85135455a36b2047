//! What the page can call: its TypeScript bindings match the commands (a stale file is rewritten, and the test fails
//! once), and the capability grants exactly these.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use specta_typescript::Typescript;

#[test]
fn the_bindings_are_current() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/src/ipc/bindings.ts");
    let folder = tempfile::tempdir().unwrap();
    let fresh = folder.path().join("bindings.ts");
    let header = "/* Generated from the commands in src-tauri/src/api.rs by `cargo test --test bindings`. */\n";
    conch_desktop::ipc::<tauri::Wry>()
        .export(Typescript::default().header(header), &fresh)
        .unwrap();
    let fresh = fs::read_to_string(fresh).unwrap();
    if fs::read_to_string(&committed).unwrap_or_default() != fresh {
        fs::write(&committed, fresh).unwrap();
        panic!(
            "ui/src/ipc/bindings.ts was stale and is now rewritten: look at the change and commit it"
        );
    }
}

#[test]
fn every_command_is_granted_and_nothing_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bindings = fs::read_to_string(folder.join("ui/src/ipc/bindings.ts")).unwrap();
    let calls = bindings.split("__TAURI_INVOKE<").skip(1);
    let called: BTreeSet<String> = calls
        .filter_map(|call| call.split_once(">(\"")?.1.split('"').next())
        .map(|command| format!("allow-{}", command.replace('_', "-")))
        .collect();
    let capability = fs::read_to_string(folder.join("src-tauri/capabilities/main.json")).unwrap();
    let capability: Value = serde_json::from_str(&capability).unwrap();
    let permissions = capability["permissions"].as_array().unwrap().iter();
    let permissions = permissions.map(|permission| permission.as_str().unwrap());
    let granted: BTreeSet<String> = permissions
        .filter(|permission| permission.starts_with("allow-"))
        .map(str::to_owned)
        .collect();
    assert_eq!(called, granted);
}
