//! Embeds the page and declares the commands: only a declared command can be granted to a window, and none is
//! granted without a capability.

/// Every command of the application, as `capabilities/main.json` grants them.
const COMMANDS: &[&str] = &[
    "adopt_attachments",
    "attach_copied_file",
    "attach_file",
    "cleanup_expired_locks",
    "copied_files",
    "create_conversation",
    "delete_conversation",
    "delete_provider",
    "detach_file",
    "draft_attachments",
    "find_in_conversation",
    "find_local_servers",
    "follow_branch",
    "generate_response",
    "get_conversation",
    "get_messages",
    "get_new_draft",
    "get_settings",
    "highlight_code",
    "is_locked",
    "list_conversations",
    "list_models",
    "list_presets",
    "list_providers",
    "load_attachment",
    "load_image",
    "open_data_folder",
    "open_link",
    "open_window",
    "record_refused_attempt",
    "rename_conversation",
    "restore_conversation",
    "save_draft",
    "save_provider",
    "save_readable",
    "save_settings",
    "select_version",
    "send_message",
    "set_conversation_model",
    "set_conversation_parameters",
    "start_status",
    "start_with_backup",
    "start_with_empty",
    "start_with_saved",
    "stop_generation",
    "test_provider",
    "ways_on",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=ui/dist");
    let manifest = tauri_build::AppManifest::new()
        .commands(COMMANDS)
        // There are no such files. By default `permissions/` is watched, which this script itself writes to: the
        // second build of a fresh clone would recompile everything.
        .permissions_path_pattern("./src-tauri/permissions/**/*");
    let attributes = tauri_build::Attributes::new()
        .app_manifest(manifest)
        .capabilities_path_pattern("./src-tauri/capabilities/**/*");
    tauri_build::try_build(attributes)?;
    Ok(())
}
