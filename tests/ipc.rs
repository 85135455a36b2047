//! The commands as the page calls them, on Tauri's mock runtime: the real handlers, arguments and
//! error shapes, without a window.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::path::Path;
use std::sync::Arc;

use conch_core::clock::SystemClock;
use conch_desktop::Host;
use conch_fault_server::{FaultServer, Script};
use conch_window::{Error, until};
use serde_json::{Value, json};
use tauri::test::{
    INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder, mock_context, noop_assets,
};
use tauri::webview::InvokeRequest;
use tauri::{App, Manager, WebviewWindow, WebviewWindowBuilder};

struct Page {
    _app: App<MockRuntime>,
    window: WebviewWindow<MockRuntime>,
    server: FaultServer,
    _folder: tempfile::TempDir,
}

impl Page {
    fn open() -> Self {
        let server = tauri::async_runtime::block_on(FaultServer::start());
        let folder = tempfile::tempdir().unwrap();
        let (app, window) = launch(folder.path(), &server);
        Self {
            _app: app,
            window,
            server,
            _folder: folder,
        }
    }

    fn call(&self, command: &str, arguments: Value) -> Result<Value, Value> {
        call(&self.window, command, arguments)
    }

    /// Waits until no answer is being written on `main`, and returns the conversation.
    fn ended(&self, id: &Value) -> Value {
        let get = || {
            self.call("get_conversation", json!({"conversationId": id}))
                .unwrap()
        };
        let is_free = async || Ok::<_, Error>(get()["lock"]["locked"] == json!(false));
        tauri::async_runtime::block_on(until("the answer has ended", is_free)).unwrap();
        get()
    }

    fn new_conversation(&self) -> Value {
        self.call("create_conversation", json!({})).unwrap()["id"].clone()
    }
}

fn launch(folder: &Path, server: &FaultServer) -> (App<MockRuntime>, WebviewWindow<MockRuntime>) {
    let app = conch_desktop::builder(mock_builder())
        .build(mock_context(noop_assets()))
        .unwrap();
    let config = conch_support::application::config(folder, server.base_url());
    app.manage(Host::start(config, Arc::new(SystemClock::default())));
    let window = WebviewWindowBuilder::new(&app, "main", tauri::WebviewUrl::default())
        .build()
        .unwrap();
    (app, window)
}

fn call(
    window: &WebviewWindow<MockRuntime>,
    command: &str,
    arguments: Value,
) -> Result<Value, Value> {
    let request = InvokeRequest {
        cmd: command.to_owned(),
        callback: tauri::ipc::CallbackFn(0),
        error: tauri::ipc::CallbackFn(1),
        url: "tauri://localhost".parse().unwrap(),
        body: arguments.into(),
        headers: tauri::http::HeaderMap::default(),
        invoke_key: INVOKE_KEY.to_owned(),
    };
    get_ipc_response(window, request).map(|body| body.deserialize().unwrap())
}

#[test]
fn a_hundred_sends_at_once_are_one_accepted_and_ninety_nine_refused() {
    let page = Page::open();
    page.server.push(Script::gated("hold", "", "one answer"));
    let id = page.new_conversation();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let sends: Vec<_> = (0..100)
            .map(|n| {
                let (window, id) = (&page.window, &id);
                scope.spawn(move || {
                    let message = json!({
                        "conversationId": id, "content": format!("message {n}"), "clientRequestId": format!("r{n}"),
                    });
                    call(window, "send_message", message)
                })
            })
            .collect();
        sends.into_iter().map(|send| send.join().unwrap()).collect()
    });
    let branches = page
        .call("list_branches", json!({"conversationId": id}))
        .unwrap();
    let refusal = json!({
        "branchId": branches[0]["id"],
        "code": "generation_in_progress",
        "message": "Please wait for the current response to complete before sending another message",
    });
    let accepted = outcomes
        .iter()
        .flatten()
        .filter(|sent| sent["type"] == "accepted")
        .count();
    let refused = outcomes
        .iter()
        .filter(|sent| sent.as_ref() == Err(&refusal))
        .count();
    assert_eq!((accepted, refused), (1, 99));

    tauri::async_runtime::block_on(page.server.wait_for_requests(1));
    page.server.gate("hold").open();
    assert_eq!(page.server.completions().len(), 1);
}

#[test]
fn a_request_id_sent_twice_gets_the_same_answer_and_sends_once() {
    let page = Page::open();
    let message = json!({
        "conversationId": page.new_conversation(), "content": "hello", "clientRequestId": "once", "source": "button",
    });
    let first = page.call("send_message", message.clone()).unwrap();
    let second = page.call("send_message", message).unwrap();
    assert_eq!(first, second);
    assert_eq!(first["type"], "accepted");
    assert_eq!(first["fence"], 1);
}

#[test]
fn a_version_of_an_answer_is_chosen_by_its_id() {
    let page = Page::open();
    let id = page.new_conversation();
    let get = || {
        page.call("get_conversation", json!({"conversationId": id}))
            .unwrap()
    };
    let ended = || page.ended(&id);
    page.server.push(Script::answer("first"));
    let message = json!({"conversationId": id, "content": "hello", "clientRequestId": "r1"});
    let sent = page.call("send_message", message).unwrap();
    let first = &ended()["messages"][1];
    let alone = json!({"index": 1, "count": 1, "ids": [first["id"]]});
    assert_eq!(first["versions"], alone);
    assert_eq!(first["failedVersion"], Value::Null);

    page.server
        .push(Script::status(401, r#"{"error":{"message":"no"}}"#));
    let again = json!({"messageId": first["id"], "clientRequestId": "r2"});
    let again = page.call("generate_response", again).unwrap();
    let shown = &ended()["messages"][1];
    let ids = json!([first["id"], again["assistantMessageId"]]);
    assert_eq!(shown["id"], first["id"], "the good one");
    assert_eq!(
        shown["versions"],
        json!({"index": 1, "count": 2, "ids": ids})
    );
    let failed = &shown["failedVersion"];
    assert_eq!(failed["messageId"], again["assistantMessageId"]);
    assert_eq!(
        (&failed["status"], &failed["hasText"]),
        (&json!("failed"), &json!(false))
    );

    let chosen = json!({"messageId": again["assistantMessageId"]});
    let chosen = page.call("select_version", chosen).unwrap();
    let expected =
        json!({"branchId": sent["branchId"], "headMessageId": again["assistantMessageId"]});
    assert_eq!(chosen, expected);
    assert_eq!(get()["messages"][1]["versions"]["index"], 2);

    page.server.push(Script::gated("hold", "", "third"));
    let again = json!({"messageId": first["id"], "clientRequestId": "r3"});
    page.call("generate_response", again).unwrap();
    let busy = page.call("select_version", json!({"messageId": first["id"]}));
    assert_eq!(busy.unwrap_err()["code"], "generation_in_progress");
    page.server.gate("hold").open();
    assert_eq!(ended()["messages"][1]["content"], "third");
}

#[test]
fn a_conversation_is_a_tree_of_branches() {
    let page = Page::open();
    let id = page.new_conversation();
    page.server.push(Script::answer("first"));
    let sent = json!({"conversationId": id, "content": "one", "clientRequestId": "r1"});
    let sent = page.call("send_message", sent).unwrap();
    page.ended(&id);
    page.server.push(Script::answer("to the edited one"));
    let edited =
        json!({"messageId": sent["userMessageId"], "content": "changed", "clientRequestId": "r2"});
    let accepted = page.call("edit_message", edited.clone()).unwrap();
    assert_eq!(accepted["type"], "accepted");
    assert_eq!(accepted["branchId"], sent["branchId"]);
    let view = page.ended(&id);
    assert_eq!(view["messages"][0]["content"], "changed");
    let ids = json!([sent["userMessageId"], accepted["userMessageId"]]);
    assert_eq!(
        view["messages"][0]["versions"],
        json!({"index": 2, "count": 2, "ids": ids})
    );
    let again = page.call("edit_message", edited).unwrap();
    assert_eq!(again, accepted, "a request that arrives twice");
    let answer =
        json!({"messageId": sent["assistantMessageId"], "content": "x", "clientRequestId": "r3"});
    let refused = page.call("edit_message", answer).unwrap_err();
    assert_eq!(refused["code"], "invalid_argument");

    let fork = json!({"messageId": sent["assistantMessageId"], "name": "Another way"});
    let branch = page.call("fork_branch", fork.clone()).unwrap();
    assert_eq!(branch["conversationId"], id);
    assert_eq!(branch["name"], "Another way");
    assert_eq!(branch["headMessageId"], sent["assistantMessageId"]);
    assert_eq!(branch["forkedFrom"], sent["assistantMessageId"]);
    let taken = page.call("fork_branch", fork).unwrap_err();
    assert_eq!(taken["code"], "invalid_argument");

    page.server.push(Script::gated("hold", "", "there"));
    let there = json!({"conversationId": id, "branchId": branch["id"], "content": "two", "clientRequestId": "r4"});
    page.call("send_message", there).unwrap();
    let listed = page
        .call("list_branches", json!({"conversationId": id}))
        .unwrap();
    let states: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["name"], &one["locked"]))
        .collect();
    assert_eq!(
        states,
        [
            (&json!("main"), &json!(false)),
            (&json!("Another way"), &json!(true))
        ]
    );
    let beside = |request: &str| json!({"conversationId": id, "content": "three", "clientRequestId": request});
    let full = page.call("send_message", beside("r5")).unwrap_err();
    assert_eq!(
        (&full["code"], &full["branchId"]),
        (&json!("generation_in_progress"), &branch["id"])
    );
    let nine = json!({"conversationId": id, "maxParallel": 9});
    assert_eq!(
        page.call("set_max_parallel", nine).unwrap_err()["code"],
        "invalid_argument"
    );
    page.call(
        "set_max_parallel",
        json!({"conversationId": id, "maxParallel": 2}),
    )
    .unwrap();
    page.server.push(Script::gated("hold", "", "beside"));
    page.call("send_message", beside("r6")).unwrap();
    let stopped = page.call("stop_all_generations", json!({})).unwrap();
    assert_eq!(stopped, json!({"stopped": 2}));

    let rename = |branch: &Value, name: &str| {
        page.call("rename_branch", json!({"branchId": branch, "name": name}))
    };
    rename(&branch["id"], " Short ").unwrap();
    assert_eq!(
        rename(&branch["id"], " ").unwrap_err()["code"],
        "invalid_argument"
    );
    assert_eq!(
        rename(&sent["branchId"], "x").unwrap_err()["code"],
        "invalid_argument"
    );
    assert_eq!(
        rename(&json!("gone"), "x").unwrap_err()["code"],
        "not_found"
    );
    let listed = page
        .call("list_branches", json!({"conversationId": id}))
        .unwrap();
    assert_eq!(listed[1]["name"], "Short");
}

#[test]
fn the_tree_has_its_forks_its_ends_and_the_state_of_every_branch() {
    let page = Page::open();
    let id = page.new_conversation();
    let one = json!({"conversationId": id});
    let empty = page.call("get_tree", one.clone()).unwrap();
    assert_eq!(empty["nodes"], json!([]));
    for (content, answer) in [("one", "first"), ("two", "second")] {
        page.server.push(Script::answer(answer));
        let sent = json!({"conversationId": id, "content": content, "clientRequestId": content});
        page.call("send_message", sent).unwrap();
        page.ended(&id);
    }
    let view = page.call("get_conversation", one.clone()).unwrap();
    let fork = json!({"messageId": view["messages"][1]["id"], "name": "Aside"});
    let branch = page.call("fork_branch", fork).unwrap();
    page.server.push(Script::gated("hold", "", "there"));
    let there = json!({"conversationId": id, "branchId": branch["id"], "content": "Elsewhere", "clientRequestId": "r"});
    page.call("send_message", there.clone()).unwrap();
    let waiting = json!({
        "conversationId": id, "branchId": branch["id"], "content": "waits", "clientRequestId": "w", "policy": "queue",
    });
    page.call("send_message", waiting).unwrap();

    let tree = page.call("get_tree", one).unwrap();
    let nodes: Vec<_> = tree["nodes"].as_array().unwrap().iter().collect();
    let facts: Vec<_> = nodes
        .iter()
        .map(|node| {
            json!([
                node["label"],
                node["count"],
                node["parentId"],
                node["hidden"]
            ])
        })
        .collect();
    let fork = &nodes[0]["id"];
    assert_eq!(
        facts,
        [
            json!(["one", 2, null, false]),
            json!(["two", 2, fork, false]),
            json!(["Elsewhere", 2, fork, false])
        ]
    );
    assert_eq!(nodes[2]["branchIds"], json!([branch["id"]]));
    assert_eq!(nodes[2]["messageId"], page_message(&page, &there));
    assert_eq!(
        tree["branches"][1],
        json!({
            "id": branch["id"], "name": "Aside", "headMessageId": nodes[2]["id"], "forkLabel": "one",
            "locked": true, "status": "generating", "queued": 1, "queuePaused": null,
        })
    );
    let nowhere = json!({"conversationId": "nowhere"});
    assert_eq!(
        page.call("get_tree", nowhere).unwrap_err()["code"],
        "not_found"
    );
    page.call("stop_all_generations", json!({})).unwrap();
}

/// Returns the id of the last message of the user on a branch.
fn page_message(page: &Page, at: &Value) -> Value {
    let at = json!({"conversationId": at["conversationId"], "branchId": at["branchId"]});
    let view = page.call("get_conversation", at).unwrap();
    let messages = view["messages"].as_array().unwrap();
    let mut users = messages.iter().filter(|message| message["role"] == "user");
    users.next_back().unwrap()["id"].clone()
}

#[test]
fn a_branch_is_deleted_but_main() {
    let page = Page::open();
    let id = page.new_conversation();
    page.server.push(Script::answer("first"));
    let sent = json!({"conversationId": id, "content": "one", "clientRequestId": "r1"});
    let sent = page.call("send_message", sent).unwrap();
    page.ended(&id);
    let branch = json!({"messageId": sent["assistantMessageId"]});
    let branch = page.call("fork_branch", branch).unwrap();

    let delete = |branch: &Value| page.call("delete_branch", json!({"branchId": branch}));
    let refused = delete(&sent["branchId"]).unwrap_err();
    assert_eq!(refused["code"], "invalid_argument", "main stays");
    delete(&branch["id"]).unwrap();
    assert_eq!(delete(&branch["id"]).unwrap_err()["code"], "not_found");
    let listed = page
        .call("list_branches", json!({"conversationId": id}))
        .unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[test]
fn a_deleted_conversation_is_not_found_until_it_is_restored() {
    let page = Page::open();
    let id = page.new_conversation();
    let one = json!({"conversationId": id});
    page.call("delete_conversation", one.clone()).unwrap();
    for command in ["get_conversation", "is_locked", "delete_conversation"] {
        let gone = page.call(command, one.clone()).unwrap_err();
        assert_eq!(gone["code"], "not_found", "{command}");
    }
    assert_eq!(page.call("list_conversations", json!({})), Ok(json!([])));
    page.call("restore_conversation", one.clone()).unwrap();
    assert_eq!(page.call("get_conversation", one).unwrap()["id"], id);
    let nowhere = json!({"conversationId": "nowhere"});
    let gone = page.call("restore_conversation", nowhere).unwrap_err();
    assert_eq!(gone["code"], "not_found");
    let after = json!({"after": "nowhere"});
    let gone = page.call("list_conversations", after).unwrap_err();
    assert_eq!(gone["code"], "not_found", "nothing says what follows it");
}

#[test]
fn errors_have_a_code_and_a_message() {
    let page = Page::open();
    let id = page.new_conversation();
    for (command, arguments, code) in [
        (
            "get_conversation",
            json!({"conversationId": "nowhere"}),
            "not_found",
        ),
        (
            "is_locked",
            json!({"conversationId": "nowhere"}),
            "not_found",
        ),
        (
            "generate_response",
            json!({"messageId": "nowhere", "clientRequestId": "r"}),
            "not_found",
        ),
        (
            "send_message",
            json!({"conversationId": id, "content": " ", "clientRequestId": "r"}),
            "empty_message",
        ),
        (
            "send_message",
            json!({"conversationId": id, "content": "x".repeat(1_048_577), "clientRequestId": "r"}),
            "message_too_long",
        ),
        (
            "rename_conversation",
            json!({"conversationId": id, "title": " "}),
            "invalid_argument",
        ),
    ] {
        let error = page.call(command, arguments).unwrap_err();
        assert_eq!(error["code"], code, "{command}: {error}");
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
    let stale = page.call("stop_generation", json!({"generationId": "nowhere"}));
    assert_eq!(stale, Ok(json!({"stopped": false})));
    assert_eq!(
        page.call("cleanup_expired_locks", json!({})),
        Ok(json!({"released": 0}))
    );
}

#[test]
fn a_core_that_could_not_start_answers_every_command_with_the_reason() {
    let server = tauri::async_runtime::block_on(FaultServer::start());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("conch.db");
    std::fs::write(&file, "not a database at all, but precious").unwrap();
    let (_app, window) = launch(folder.path(), &server);

    let error = call(&window, "list_conversations", json!({})).unwrap_err();
    assert_eq!(error["code"], "not_a_database");
    assert_eq!(
        std::fs::read(&file).unwrap(),
        b"not a database at all, but precious"
    );
}

/// The core starts behind the window: a command waits until it has started.
#[test]
fn commands_that_come_while_the_core_starts_wait_for_it() {
    let server = tauri::async_runtime::block_on(FaultServer::start());
    let folder = tempfile::tempdir().unwrap();
    let gate = std::fs::File::create(folder.path().join("start.lock")).unwrap();
    gate.lock().unwrap();
    let (_app, window) = launch(folder.path(), &server);

    let status = |seen: Value| call(&window, "start_status", json!({"seen": seen})).unwrap();
    let waiting = json!({"type": "starting", "stage": "waiting"});
    let first = status(Value::Null);
    assert_eq!(first["type"], "starting");
    if first != waiting {
        assert_eq!(status(first["stage"].clone()), waiting);
    }
    let list = std::thread::scope(|scope| {
        let asked = scope.spawn(|| call(&window, "list_conversations", json!({})));
        drop(gate);
        asked.join().unwrap()
    });
    assert_eq!(list, Ok(json!([])));
    assert_eq!(
        status(json!("waiting")),
        json!({"type": "running", "notices": []})
    );
}

#[test]
fn a_core_that_is_quit_while_it_starts_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let gate = std::fs::File::create(folder.path().join("start.lock")).unwrap();
    gate.lock().unwrap();
    let server = tauri::async_runtime::block_on(FaultServer::start());
    let (app, window) = launch(folder.path(), &server);
    let host = app.state::<Host>().inner().clone();
    tauri::async_runtime::block_on(host.quit());
    let error = call(&window, "list_conversations", json!({})).unwrap_err();
    assert_eq!(error["code"], "shutting_down");
    drop(gate);
    assert!(!folder.path().join("conch.db").exists());
}

#[test]
fn a_database_that_cannot_be_opened_is_replaced_in_the_same_process() {
    let server = tauri::async_runtime::block_on(FaultServer::start());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("conch.db");
    std::fs::write(&file, "not a database at all, but precious").unwrap();
    let (_app, window) = launch(folder.path(), &server);
    call(&window, "list_conversations", json!({})).unwrap_err();
    let ways = call(&window, "ways_on", json!({})).unwrap();
    assert_eq!(
        (&ways["hasDatabase"], &ways["backups"]),
        (&json!(true), &json!([]))
    );
    let error = call(&window, "save_readable", json!({})).unwrap_err();
    assert_eq!(error["code"], "recovery_failed");

    assert_eq!(
        call(&window, "start_with_empty", json!({})),
        Ok(Value::Null)
    );
    assert_eq!(
        call(&window, "list_conversations", json!({})),
        Ok(json!([]))
    );
    let aside = std::fs::read_dir(folder.path().join("aside"))
        .unwrap()
        .next();
    let kept = aside.unwrap().unwrap().path().join("conch.db");
    assert_eq!(
        std::fs::read(kept).unwrap(),
        b"not a database at all, but precious"
    );
}

#[test]
fn a_queue_is_listed_changed_and_sent_by_its_commands() {
    let page = Page::open();
    let id = page.new_conversation();
    let on = json!({"conversationId": id});
    let list = || page.call("list_queue", on.clone()).unwrap();
    let send = |content: &str, policy: &str| {
        let message = json!({
            "conversationId": id, "content": content, "clientRequestId": content, "policy": policy,
        });
        page.call("send_message", message)
    };
    let empty = json!({"paused": false, "pauseReason": null, "pauseMessage": null, "items": []});
    assert_eq!(list(), empty);
    page.server.push(Script::gated("hold", "half", ""));
    let running = send("first", "queue").unwrap();
    assert_eq!(running["type"], "accepted", "nothing is in the way");
    let waits = send("second", "queue").unwrap();
    let second = &waits["queuedMessageId"];
    let expected = json!({"type": "queued", "queuedMessageId": second, "position": 1});
    assert_eq!(waits, expected);
    assert_eq!(
        send("second", "queue").unwrap(),
        expected,
        "a repeated request"
    );
    let third = send("third", "queue").unwrap()["queuedMessageId"].clone();

    let queue = list();
    let item = &queue["items"][0];
    let expected = json!({
        "id": second, "position": 1, "content": "second", "modelId": item["modelId"], "attachmentIds": [],
        "attachments": [], "held": false, "createdAt": item["createdAt"],
    });
    assert_eq!(*item, expected);
    assert!(item["createdAt"].is_i64());
    let view = page.call("get_conversation", on.clone()).unwrap();
    assert_eq!(
        (&view["queue"], &view["sendPolicy"]),
        (&queue, &Value::Null)
    );

    let of = |id: &Value| json!({"queuedMessageId": id});
    let with = |id: &Value, name: &str, value: Value| {
        let mut arguments = of(id);
        arguments[name] = value;
        arguments
    };
    let contents = || {
        let items = list()["items"].as_array().unwrap().clone();
        let texts = items.iter().map(|item| item["content"].as_str().unwrap());
        texts.collect::<Vec<_>>().join(" ")
    };
    let call = |command: &str, arguments: Value| {
        for _ in 0..2 {
            let done = page.call(command, arguments.clone()).unwrap();
            assert_eq!(done, Value::Null, "{command} is idempotent");
        }
    };
    call(
        "edit_queued_message",
        with(second, "content", json!("better")),
    );
    call("move_queued_message", with(&third, "position", json!(1)));
    assert_eq!(contents(), "third better");
    call("hold_queued_message", with(&third, "held", json!(true)));
    assert_eq!(list()["items"][0]["held"], true);
    call("hold_queued_message", with(&third, "held", json!(false)));
    call("remove_queued_message", of(&third));
    assert_eq!(contents(), "better");
    call("restore_queued_message", of(&third));
    assert_eq!(contents(), "third better");
    call("pause_queue", on.clone());
    let paused = list();
    assert_eq!(
        (&paused["paused"], &paused["pauseReason"]),
        (&json!(true), &json!("user"))
    );
    call("resume_queue", on.clone());

    // A paused queue lets the user send what is chosen.
    page.server.push(Script::gated("now", "", "to better"));
    let begun = page.call("send_queued_message_now", of(second)).unwrap();
    assert_eq!(begun["type"], "accepted");
    assert_eq!(begun["branchId"], running["branchId"]);
    let again = page.call("send_queued_message_now", of(second)).unwrap();
    assert_eq!(again, begun);
    assert_eq!(contents(), "third");
    let stop = json!({"generationId": begun["generationId"]});
    page.call("stop_generation", stop).unwrap();
    assert_eq!(list()["pauseReason"], "stopped");
    call("clear_queue", on.clone());
    assert_eq!(list(), empty);
    let view = page.ended(&id);
    let texts = view["messages"].as_array().unwrap().iter();
    let texts: Vec<_> = texts.map(|message| &message["content"]).collect();
    assert_eq!(
        texts[..3],
        [&json!("first"), &json!("half"), &json!("better")]
    );
}

#[test]
fn bad_input_to_a_queue_has_a_code_and_changes_nothing() {
    let page = Page::open();
    let id = page.new_conversation();
    let on = json!({"conversationId": id});
    page.server.push(Script::gated("hold", "", ""));
    for n in 0..11 {
        let message = json!({
            "conversationId": id, "content": format!("{n}"), "clientRequestId": format!("{n}"), "policy": "queue",
        });
        page.call("send_message", message).unwrap();
    }
    let before = page.call("list_queue", on.clone()).unwrap();
    assert_eq!(before["items"].as_array().unwrap().len(), 10);
    let full =
        json!({"conversationId": id, "content": "11", "clientRequestId": "11", "policy": "queue"});
    let full = page.call("send_message", full).unwrap_err();
    let expected = json!({
        "code": "queue_full",
        "message": "10 messages are waiting already. Wait until one is sent, or remove one. Your text is kept",
    });
    assert_eq!(full, expected);
    let first = &before["items"][0]["id"];
    for (command, arguments, code) in [
        (
            "edit_queued_message",
            json!({"queuedMessageId": first, "content": " "}),
            "empty_message",
        ),
        (
            "edit_queued_message",
            json!({"queuedMessageId": "gone", "content": "x"}),
            "not_found",
        ),
        (
            "move_queued_message",
            json!({"queuedMessageId": first, "position": 0}),
            "invalid_argument",
        ),
        (
            "move_queued_message",
            json!({"queuedMessageId": "gone", "position": 1}),
            "not_found",
        ),
        (
            "remove_queued_message",
            json!({"queuedMessageId": "gone"}),
            "not_found",
        ),
        (
            "restore_queued_message",
            json!({"queuedMessageId": "gone"}),
            "not_found",
        ),
        (
            "hold_queued_message",
            json!({"queuedMessageId": "gone", "held": true}),
            "not_found",
        ),
        (
            "send_queued_message_now",
            json!({"queuedMessageId": "gone"}),
            "not_found",
        ),
        ("list_queue", json!({"conversationId": "gone"}), "not_found"),
        (
            "clear_queue",
            json!({"conversationId": id, "branchId": "gone"}),
            "not_found",
        ),
        (
            "pause_queue",
            json!({"conversationId": "gone"}),
            "not_found",
        ),
        (
            "resume_queue",
            json!({"conversationId": "gone"}),
            "not_found",
        ),
        (
            "set_send_policy",
            json!({"conversationId": "gone", "policy": "queue"}),
            "not_found",
        ),
        (
            "set_send_policy",
            json!({"policy": null}),
            "invalid_argument",
        ),
    ] {
        let refused = page.call(command, arguments.clone()).unwrap_err();
        assert_eq!(refused["code"], code, "{command} {arguments}");
    }
    assert_eq!(page.call("list_queue", on).unwrap(), before);
}

#[test]
fn a_send_policy_is_the_conversations_or_the_default() {
    let page = Page::open();
    let id = page.new_conversation();
    let set = |policy: Value, conversation: &Value| {
        let policy = json!({"conversationId": conversation, "policy": policy});
        page.call("set_send_policy", policy).unwrap();
    };
    let policy = || page.call("get_settings", json!({})).unwrap()["sendPolicy"].clone();
    assert_eq!(policy(), "reject");
    page.server.push(Script::gated("hold", "half", ""));
    let send = |content: &str| {
        let message = json!({"conversationId": id, "content": content, "clientRequestId": content});
        page.call("send_message", message)
    };
    let first = send("first").unwrap();
    assert_eq!(
        send("second").unwrap_err()["code"],
        "generation_in_progress"
    );
    set(json!("queue"), &Value::Null);
    assert_eq!(policy(), "queue");
    assert_eq!(send("third").unwrap()["type"], "queued");
    set(json!("interrupt"), &id);
    page.server.push(Script::gated("hold", "part", ""));
    let fourth = send("fourth").unwrap();
    assert_eq!(fourth["fence"], json!(first["fence"].as_i64().unwrap() + 1));
    set(json!("rollback"), &id);
    let view = page.call("get_conversation", json!({"conversationId": id}));
    assert_eq!(view.unwrap()["sendPolicy"], "rollback");
    page.server.push(Script::gated("hold", "", "the end"));
    let fifth = send("fifth").unwrap();
    let view = page.call("get_conversation", json!({"conversationId": id}));
    let view = view.unwrap();
    let last: Vec<_> = view["messages"]
        .as_array()
        .unwrap()
        .iter()
        .skip(2)
        .collect();
    assert_eq!(last[0]["id"], fifth["userMessageId"]);
    let ids = json!([fourth["userMessageId"], fifth["userMessageId"]]);
    assert_eq!(
        last[0]["versions"],
        json!({"index": 2, "count": 2, "ids": ids})
    );
    set(Value::Null, &id);
    assert_eq!(
        send("sixth").unwrap()["type"],
        "queued",
        "the default again"
    );
}
