//! Files: beside what is typed, under what was sent, and one looked at.

use conch_fault_server::Script;

use crate::{Error, Library, Scene, Stage};

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("files-attached", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.begin().await?;
                stage
                    .fill("#chat-input", "When should we put the boat in?")
                    .await?;
                attach(stage).await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("files-sent", Library::Everyday, |stage| {
            Box::pin(async move {
                send(stage).await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("file-preview", Library::Everyday, |stage| {
            Box::pin(async move {
                send(stage).await?;
                stage.press(".message .file .look").await?;
                stage.see("dialog.preview pre").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("picture-preview", Library::Everyday, |stage| {
            Box::pin(async move {
                send(stage).await?;
                stage.press(".message .picture").await?;
                stage.see("dialog.preview img").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("nothing-pasted", Library::Everyday, |stage| {
            Box::pin(async move {
                const PASTE: &str = "const data = { clipboardData: new DataTransfer(), bubbles: true, cancelable: true };
                    document.querySelector('#chat-input').dispatchEvent(new ClipboardEvent('paste', data));";
                stage.begin().await?;
                stage.run(PASTE).await?;
                stage.see(".toast .toast-action").await?;
                stage.hold_toast().await
            })
        }),
        Scene::new("long-paste", Library::Everyday, |stage| {
            Box::pin(async move {
                const PASTE: &str = "const text = Array.from({ length: 60 }, (_, hour) => `${hour} h: ${(4 + 3 * Math.cos(hour / 2)).toFixed(1)} m`).join('\\n');
                    const data = new DataTransfer();
                    data.setData('text/plain', text);
                    const input = document.querySelector('#chat-input');
                    input.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
                    input.value = text;
                    input.dispatchEvent(new Event('input', { bubbles: true }));";
                stage.begin().await?;
                stage.run(PASTE).await?;
                stage.see("#paste-offer").await
            })
        }),
    ]
}

/// A table, a picture, and one that nobody can read.
async fn attach(stage: &Stage<'_>) -> Result<(), Error> {
    const FILES: &str = "const canvas = new OffscreenCanvas(1200, 800);
        const pen = canvas.getContext('2d');
        const sky = pen.createLinearGradient(0, 0, 0, 800);
        sky.addColorStop(0, '#7fb4d6'); sky.addColorStop(0.6, '#f4dfc0'); sky.addColorStop(0.61, '#2f6f86'); sky.addColorStop(1, '#123c4c');
        pen.fillStyle = sky; pen.fillRect(0, 0, 1200, 800);
        pen.fillStyle = '#fff3d6'; pen.beginPath(); pen.arc(860, 330, 70, 0, 7); pen.fill();
        pen.fillStyle = '#22303a'; pen.beginPath(); pen.moveTo(300, 560); pen.lineTo(620, 560); pen.lineTo(560, 620); pen.lineTo(350, 620); pen.fill();
        return canvas.convertToBlob().then((blob) => {
          const files = new DataTransfer();
          files.items.add(new File(['hour,metres\\n0,6.1\\n6,1.2\\n12,6.3\\n18,1.0\\n'], 'tides at the harbour mouth.csv'));
          files.items.add(new File([blob], 'slipway.png'));
          files.items.add(new File(['PK\\u0003\\u0004\\0\\0\\0\\0'], 'charts.zip'));
          const input = document.querySelector('#attach-input');
          input.files = files.files;
          input.dispatchEvent(new Event('change', { bubbles: true }));
        });";
    stage.run(FILES).await?;
    stage.see(".box .file[data-state=failed]").await?;
    stage
        .wait_until(
            "document.querySelectorAll('.box .file[data-state=ready]').length === 2
               && document.querySelector('.box .file img')?.complete",
            "both are read",
        )
        .await
}

async fn send(stage: &Stage<'_>) -> Result<(), Error> {
    stage.begin().await?;
    attach(stage).await?;
    stage.cluster().push(Script::answer(
        "An hour before high water: at about eleven.",
    ));
    stage.send("When should we put the boat in?").await?;
    stage.wait_for_status("complete").await?;
    stage
        .wait_until(
            "document.querySelector('.message .picture img')?.src",
            "the picture is loaded",
        )
        .await
}
