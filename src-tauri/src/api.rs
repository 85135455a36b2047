//! The list of commands and events, from which the page's TypeScript is generated.

use tauri::Runtime;
use tauri_specta::{Builder, ErrorHandlingMode, collect_commands, collect_events};

use crate::{IpcError, commands, events};

/// The IPC contract: both the handler list and the schema, so they cannot drift apart.
pub fn ipc<R: Runtime>() -> Builder<R> {
    Builder::<R>::new()
        .commands(collect_commands![
            commands::conversations::create_conversation,
            commands::conversations::list_conversations,
            commands::conversations::get_conversation,
            commands::conversations::get_messages,
            commands::conversations::find_in_conversation,
            commands::conversations::rename_conversation,
            commands::conversations::delete_conversation,
            commands::conversations::restore_conversation,
            commands::conversations::set_conversation_model,
            commands::conversations::save_draft,
            commands::conversations::get_new_draft,
            commands::attachments::attach_file,
            commands::attachments::attach_copied_file::<tauri::Wry>,
            commands::attachments::copied_files::<tauri::Wry>,
            commands::attachments::detach_file,
            commands::attachments::draft_attachments,
            commands::attachments::adopt_attachments,
            commands::attachments::load_attachment,
            commands::branches::list_branches,
            commands::branches::get_tree,
            commands::branches::fork_branch,
            commands::branches::rename_branch,
            commands::branches::delete_branch,
            commands::branches::set_max_parallel,
            commands::turns::send_message,
            commands::turns::generate_response,
            commands::turns::edit_message,
            commands::turns::select_version,
            commands::turns::stop_generation,
            commands::turns::stop_all_generations,
            commands::turns::record_refused_attempt,
            commands::turns::follow_branch::<tauri::Wry>,
            commands::queue::list_queue,
            commands::queue::edit_queued_message,
            commands::queue::hold_queued_message,
            commands::queue::move_queued_message,
            commands::queue::remove_queued_message,
            commands::queue::restore_queued_message,
            commands::queue::send_queued_message_now,
            commands::queue::clear_queue,
            commands::queue::pause_queue,
            commands::queue::resume_queue,
            commands::queue::set_send_policy,
            commands::locks::is_locked,
            commands::locks::cleanup_expired_locks,
            commands::models::list_models,
            commands::models::list_presets,
            commands::models::list_providers,
            commands::models::get_model_file,
            commands::models::save_provider,
            commands::models::save_environment_consent,
            commands::models::delete_provider,
            commands::models::test_provider,
            commands::models::find_local_servers,
            commands::content::open_link,
            commands::content::load_image,
            commands::content::highlight_code,
            commands::settings::get_settings,
            commands::settings::save_settings,
            commands::settings::set_conversation_parameters,
            commands::starting::start_status,
            commands::starting::ways_on,
            commands::starting::start_with_backup::<tauri::Wry>,
            commands::starting::start_with_saved::<tauri::Wry>,
            commands::starting::start_with_empty::<tauri::Wry>,
            commands::starting::save_readable,
            commands::starting::open_data_folder,
            commands::windows::open_window::<tauri::Wry>,
        ])
        .events(collect_events![
            events::LockChanged,
            events::ConversationChanged,
            events::QueueChanged,
            events::ShowConversation,
            events::SettingsChanged,
            events::ModelsChanged,
        ])
        .typ::<IpcError>()
        .constant("MAX_QUEUED", conch_core::model::MAX_QUEUED)
        .constant("ATTACHMENT_LIMITS", conch_core::attachments::LIMITS)
        .error_handling(ErrorHandlingMode::Throw)
        // Epoch milliseconds and fences stay far below 2^53.
        .dangerously_cast_bigints_to_number()
        .disable_serde_phases()
}
