//! The page's TypeScript bindings match the commands: a stale file is rewritten, and the test fails once.

use std::fs;
use std::path::Path;

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
