//! Attachments: added on the page, sent to the provider with the message, and kept across a restart.

use conch_fault_server::Script;
use serde_json::{Value, json};

use crate::{Scene, until};

/// A PNG of one red pixel, in base64.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC";

/// A PDF of one page that says "A page of paper".
const PDF: &str = "%PDF-1.4
1 0 obj
<< /Type /Catalog /Pages 2 0 R >>
endobj
2 0 obj
<< /Type /Pages /Kids [4 0 R] /Count 1 /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> >>
endobj
3 0 obj
<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>
endobj
4 0 obj
<< /Type /Page /Parent 2 0 R /Contents 5 0 R >>
endobj
5 0 obj
<< /Length 46 >>
stream
BT /F1 24 Tf 72 700 Td (A page of paper) Tj ET
endstream
endobj
xref
0 6
0000000000 65535 f\x20
0000000009 00000 n\x20
0000000058 00000 n\x20
0000000178 00000 n\x20
0000000275 00000 n\x20
0000000338 00000 n\x20
trailer
<< /Root 1 0 R /Size 6 >>
startxref
434
%%EOF
";

/// Files as the system hands them to the page, each with its name and its bytes or text.
const FILES: &str = "const files = new DataTransfer();
    const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    for (const { name, base64, text } of given) files.items.add(new File([text ?? bytes(base64)], name));";

impl Scene {
    /// Chooses files in the attach button's file input.
    async fn choose(&self, files: Value) {
        self.run(&format!(
            "const given = {files}; {FILES}
             const input = document.querySelector('#attach-input');
             input.files = files.files;
             input.dispatchEvent(new Event('change', {{ bubbles: true }}));"
        ))
        .await;
    }

    /// Drops files on the messages.
    async fn drop_on_messages(&self, files: Value) {
        self.run(&format!(
            "const given = {files}; {FILES}
             const drop = {{ bubbles: true, cancelable: true, dataTransfer: files }};
             document.querySelector('#transcript').dispatchEvent(new DragEvent('drop', drop));"
        ))
        .await;
    }

    async fn wait_for_files(&self, place: &str, names: &[&str]) {
        let expression = format!(
            "JSON.stringify([...document.querySelectorAll('{place} > .files :is([data-state=ready] .name, .picture)')]
               .map((name) => name.title)) === JSON.stringify({})",
            json!(names)
        );
        self.wait_until(&expression, &format!("{place} has {names:?}"))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_attached_sent_once_and_shown_again_after_a_restart() {
    let scene = Scene::open().await;
    scene.server.push(Script::answer("Three files."));
    let typed = "What are these?";
    scene.window.type_text("#chat-input", typed).await.unwrap();
    scene
        .choose(json!([{"name": "notes.txt", "text": "Buy milk"}, {"name": "a.zip", "text": "PK\u{3}\u{4}\0\0\0\0\0\0"}]))
        .await;
    scene
        .drop_on_messages(
            json!([{"name": "pixel.png", "base64": PIXEL}, {"name": "paper.pdf", "text": PDF}]),
        )
        .await;

    scene
        .wait_for_files(".box", &["notes.txt", "pixel.png", "paper.pdf"])
        .await;
    scene
        .wait_until(
            "document.querySelector('.file[data-state=failed]').innerText.includes('“a.zip” was not attached')",
            "what is not read is named",
        )
        .await;
    let input = "return document.querySelector('#chat-input').value;";
    assert_eq!(scene.run(input).await, json!(typed), "and the text is kept");

    // Attachments that are not sent survive a kill.
    let scene = scene.kill_and_reopen().await;
    scene
        .wait_for_files(".box", &["notes.txt", "pixel.png", "paper.pdf"])
        .await;
    scene
        .run("document.querySelector('#chat-input').value = '';")
        .await;
    scene.send(typed).await;
    scene.wait_for_answer("complete", "Three files.").await;
    scene.wait_for_files(".box", &[]).await;
    let asked = scene.server.completions().remove(0).body;
    let content = &asked["messages"][0]["content"];
    let text = content[0]["text"].as_str().unwrap();
    for part in ["Buy milk", "A page of paper", typed] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let image = content[1]["image_url"]["url"].as_str().unwrap();
    assert!(image.starts_with("data:image/png;base64,"), "{image}");

    let scene = scene.kill_and_reopen().await;
    let names = ["notes.txt", "pixel.png", "paper.pdf"];
    scene.wait_for_files(".message", &names).await;
    scene
        .wait_until(
            "document.querySelector('.message .picture img').complete
               && document.querySelector('.message .picture img').naturalWidth === 1",
            "the picture is shown",
        )
        .await;
    scene.window.click(".message .look").await.unwrap();
    scene
        .wait_until(
            "document.querySelector('dialog.preview[open] pre')?.textContent === 'Buy milk'",
            "the text is shown",
        )
        .await;
}

/// A file attached while an answer is generated goes with the next message.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_come_while_an_answer_is_written_wait_for_the_next_message() {
    let scene = Scene::open().await;
    scene.server.push(Script::gated("hold", "first", " last"));
    scene.send("hello").await;
    scene.wait_for_answer("generating", "first").await;
    scene
        .drop_on_messages(json!([{"name": "a.txt", "text": "dropped"}]))
        .await;
    scene
        .choose(json!([{"name": "b.txt", "text": "chosen"}]))
        .await;
    scene.wait_for_files(".box", &["a.txt", "b.txt"]).await;
    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "first last").await;
    scene.wait_for_files(".box", &["a.txt", "b.txt"]).await;
    scene.server.push(Script::answer("Both."));
    scene.send("And these?").await;
    scene.wait_for_answer("complete", "Both.").await;
    scene.wait_for_files(".box", &[]).await;
    let asked = scene.server.completions().remove(1).body["messages"].to_string();
    assert!(
        asked.contains("dropped") && asked.contains("chosen"),
        "{asked}"
    );
}

/// The first bytes of a JPEG, which the clipboard API does not offer to a page.
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF";

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_picture_is_attached_and_what_cannot_be_says_so() {
    use base64::Engine as _;
    let picture = base64::engine::general_purpose::STANDARD
        .decode(PIXEL)
        .unwrap();
    let scene = Scene::open_on_own_display().await;
    scene.copy("image/png", &picture).await;
    scene.press_keys(&["ctrl+v"]).await;
    scene.wait_for_files(".box", &["Pasted image.png"]).await;

    scene.copy("image/jpeg", JPEG).await;
    scene.press_keys(&["ctrl+v"]).await;
    scene
        .wait_until(
            "document.querySelector('.toast-error')?.innerText.includes('Nothing on the clipboard can be pasted here')
               && document.querySelector('.toast-error .toast-action') !== null",
            "it says what to do",
        )
        .await;
    // Text on the clipboard is pasted as text, and the attachment stays.
    scene.copy("UTF8_STRING", b"What is this?").await;
    scene.press_keys(&["ctrl+v"]).await;
    scene.server.push(Script::gated("hold", "A ", "dot."));
    scene
        .wait_until(
            "document.querySelector('#chat-input').value === 'What is this?'",
            "the text is pasted",
        )
        .await;
    scene.press_keys(&["Return"]).await;
    scene.wait_for_answer("generating", "A ").await;
    scene.wait_for_files(".box", &[]).await;

    // While an answer is generated, and with no field focused.
    scene.copy("image/png", &picture).await;
    scene.press_keys(&["ctrl+v"]).await;
    scene.wait_for_files(".box", &["Pasted image.png"]).await;
    scene.run("document.activeElement.blur();").await;
    scene.press_keys(&["ctrl+v"]).await;
    let both = ["Pasted image.png", "Pasted image.png"];
    scene.wait_for_files(".box", &both).await;
    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "A dot.").await;
    let asked = scene.server.completions().remove(0).body.to_string();
    assert_eq!(asked.matches("data:image/png").count(), 1);
}

/// A page cannot read a file that the user has not copied.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_by_its_address_only_while_the_clipboard_holds_it() {
    let scene = Scene::open_on_own_display().await;
    let [copied, other] = ["My notes.txt", "secret.txt"].map(|name| scene.folder.path().join(name));
    std::fs::write(&copied, "what was copied").unwrap();
    std::fs::write(&other, "what was not").unwrap();
    let attach = async |uri: String| {
        let arguments = json!({"uri": uri});
        let outcome = scene.window.invoke("attach_copied_file", arguments).await;
        outcome.unwrap().map_err(|error| error["code"].clone())
    };
    let address = |path: &std::path::Path| format!("file://{}", path.display()).replace(' ', "%20");
    let refused = Err(json!("clipboard_changed"));
    assert_eq!(attach(address(&copied)).await, refused);

    scene
        .copy("text/uri-list", address(&copied).as_bytes())
        .await;
    let mut attached = Value::Null;
    until("the file is attached", async || {
        let outcome = attach(address(&copied)).await;
        attached = outcome.clone().unwrap_or_default();
        outcome.is_ok()
    })
    .await;
    assert_eq!(attached["name"], json!("My notes.txt"));
    assert_eq!(attached["kind"], json!("text"));
    let kept = scene
        .invoke("load_attachment", json!({"attachmentId": attached["id"]}))
        .await;
    assert_eq!(kept, json!("what was copied"));
    assert_eq!(attach(address(&other)).await, refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_were_copied_elsewhere_are_pasted() {
    let scene = Scene::open_on_own_display().await;
    let folder = tempfile::tempdir().unwrap();
    let names = ["a note.txt", "another.md"];
    let uris = names.map(|name| {
        let path = folder.path().join(name);
        std::fs::write(&path, "Buy milk").unwrap();
        format!("file://{}", path.display()).replace(' ', "%20")
    });
    let list = uris.join("\r\n");
    scene.copy("text/uri-list", list.as_bytes()).await;
    scene.press_keys(&["ctrl+v"]).await;
    scene.wait_for_files(".box", &names).await;
}
