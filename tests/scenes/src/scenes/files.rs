//! Attachments: in the composer, in a sent message, and opened.

use conch_fault_server::Script;

use crate::{Error, Fixture, Page, Scene};

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("files-attached", Fixture::Everyday, async |page| {
            page.new_chat().await?;
            page.fill("#chat-input", "When should we put the boat in?")
                .await?;
            attach(page).await
        }),
        Scene::new("files-sent", Fixture::Everyday, async |page| {
            send(page).await
        }),
        Scene::new("file-preview", Fixture::Everyday, async |page| {
            send(page).await?;
            page.press(".message .file .look").await?;
            page.wait_for("dialog.preview pre").await
        }),
        Scene::new("picture-preview", Fixture::Everyday, async |page| {
            send(page).await?;
            page.press(".message .picture").await?;
            page.wait_for("dialog.preview img").await
        }),
        Scene::new("nothing-pasted", Fixture::Everyday, async |page| {
            const PASTE: &str = "const data = { clipboardData: new DataTransfer(), bubbles: true, cancelable: true };
                    document.querySelector('#chat-input').dispatchEvent(new ClipboardEvent('paste', data));";
            page.new_chat().await?;
            page.run(PASTE).await?;
            page.wait_for(".toast .toast-action").await?;
            page.hold_toast().await
        }),
        Scene::new("long-paste", Fixture::Everyday, async |page| {
            const PASTE: &str = "const text = Array.from({ length: 60 }, (_, hour) => `${hour} h: ${(4 + 3 * Math.cos(hour / 2)).toFixed(1)} m`).join('\\n');
                    const data = new DataTransfer();
                    data.setData('text/plain', text);
                    const input = document.querySelector('#chat-input');
                    input.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
                    input.value = text;
                    input.dispatchEvent(new Event('input', { bubbles: true }));";
            page.new_chat().await?;
            page.run(PASTE).await?;
            page.wait_for("#paste-offer").await
        }),
    ]
}

/// Attaches a table, a picture, and a file that cannot be read.
async fn attach(page: &Page<'_>) -> Result<(), Error> {
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
    page.run(FILES).await?;
    page.wait_for(".box .file[data-state=failed]").await?;
    page.wait_until(
        "document.querySelectorAll('.box .file[data-state=ready]').length === 2
               && document.querySelector('.box .file img')?.complete",
        "both are read",
    )
    .await
}

async fn send(page: &Page<'_>) -> Result<(), Error> {
    page.new_chat().await?;
    attach(page).await?;
    page.cluster().push(Script::answer(
        "An hour before high water: at about eleven.",
    ));
    page.send("When should we put the boat in?").await?;
    page.wait_for_status("complete").await?;
    page.wait_until(
        "document.querySelector('.message .picture img')?.src",
        "the picture is loaded",
    )
    .await
}
