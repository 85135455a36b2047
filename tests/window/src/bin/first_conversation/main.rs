//! The first conversation, held automatically in the real window: what `cargo xtask run` does where
//! there is no display. It sends a message, presses Send again immediately, prints the refusal and the
//! answer as it streams, and saves screenshots. A failed check prints one line and exits with an error.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is its job"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use conch_window::{Desktop, Display, Error, Launch, Window};

const MESSAGE: &str = "What is a conch shell? Answer in two sentences.";

const USAGE: &str = "first-conversation PATH-TO-CONCH [--data-dir DIR] [--screenshots DIR]";

/// The interval at which the page is read while the answer streams.
const READ_EVERY: Duration = Duration::from_millis(60);

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("usage: {USAGE}")]
    Usage,
    #[error(transparent)]
    Window(#[from] Error),
    #[error("the screenshots' folder {0} cannot be made: {1}")]
    Folder(PathBuf, std::io::Error),
    #[error("a second Send in the same instant was not refused")]
    NotRefused,
    #[error("the answer ended as {status}: {page}")]
    BadEnd { status: String, page: String },
}

#[derive(Debug)]
struct Arguments {
    binary: PathBuf,
    data_folder: Option<PathBuf>,
    screenshots: PathBuf,
}

/// The display to capture, and the folder for screenshots.
struct Album<'a> {
    display: &'a Display,
    folder: &'a Path,
}

#[tokio::main]
async fn main() -> ExitCode {
    match talk().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("first conversation: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn talk() -> Result<(), Failure> {
    let arguments = arguments(std::env::args_os().skip(1).map(PathBuf::from))?;
    let folder = &arguments.screenshots;
    std::fs::create_dir_all(folder).map_err(|error| Failure::Folder(folder.clone(), error))?;
    let display = Display::find()?;
    let album = Album {
        display: &display,
        folder,
    };
    if display.is_virtual() {
        println!("There is no display: the window opens on a virtual one, and talks by itself.");
    }
    for theme in ["light", "dark"] {
        let mut environment = display.environment().to_vec();
        // No user is present to consent to the use of a key, so none is set: the built-in model answers, unless
        // another is selected in the settings of this data folder.
        if let Some(folder) = &arguments.data_folder {
            environment.push(("CONCH_DATA_DIR".into(), folder.display().to_string()));
        }
        if theme == "dark" {
            environment.push(("GTK_THEME".into(), "Adwaita:dark".into()));
        }
        let launch = Launch {
            binary: arguments.binary.clone(),
            environment,
        };
        let window = Window::open(&launch).await?;
        window
            .client()
            .set_window_size(1280, 800)
            .await
            .map_err(Error::from)?;
        if theme == "light" {
            converse(&window, &album).await?;
        } else {
            window
                .wait_until(
                    "document.querySelector('.message')",
                    "the conversation is shown",
                )
                .await?;
            save(&window, &album, "4-dark").await?;
        }
        window.close().await?;
    }
    Ok(())
}

async fn converse(window: &Window, album: &Album<'_>) -> Result<(), Failure> {
    window.click("#new-conversation").await?;
    window
        .wait_until(
            "!document.querySelector('.message')",
            "a new conversation is shown",
        )
        .await?;
    window
        .wait_until(
            "document.querySelector('#model-picker').value",
            "the models are listed",
        )
        .await?;
    let picker = "return document.querySelector('#model-picker').textContent.trim();";
    let model = window.run(picker).await?;
    println!("\nModel: {}", model.as_str().unwrap_or_default().trim());
    save(window, album, "1-empty").await?;

    println!("\nYou: {MESSAGE}");
    window.type_text("#chat-input", MESSAGE).await?;
    // Both presses in one turn of the page's event loop: no user is faster.
    let press = "const send = document.querySelector('#send-button'); send.click(); send.click();";
    window.run(press).await?;
    let toast = window.find(".toast-error span").await?;
    let refusal = toast.text().await.map_err(Error::from)?;
    if !refusal.contains("please wait") {
        return Err(Failure::NotRefused);
    }
    println!("(Send pressed again at once: “{refusal}”)");
    window
        .wait_until(
            "document.querySelector('#chat-input').disabled",
            "the composer is locked",
        )
        .await?;
    save(window, album, "2-refused").await?;

    print!("\nConch: ");
    let mut printed = 0;
    let status = loop {
        let read =
            "const m = [...document.querySelectorAll('.message[data-role=assistant]')].at(-1);
            return m ? [m.dataset.status, m.querySelector('.text').textContent] : ['', ''];";
        let read = window.run(read).await?;
        let (status, text) = (
            read[0].as_str().unwrap_or(""),
            read[1].as_str().unwrap_or(""),
        );
        print!("{}", text.get(printed..).unwrap_or_default());
        let _ = std::io::stdout().flush();
        printed = text.len();
        if !status.is_empty() && status != "generating" {
            break status.to_owned();
        }
        tokio::time::sleep(READ_EVERY).await;
    };
    println!("\n");
    save(window, album, "3-answered").await?;
    if status != "complete" || printed == 0 {
        let page = window
            .run("return document.querySelector('.message:last-child').innerText;")
            .await?;
        return Err(Failure::BadEnd {
            status,
            page: page.as_str().unwrap_or_default().to_owned(),
        });
    }
    Ok(())
}

async fn save(window: &Window, album: &Album<'_>, name: &str) -> Result<(), Failure> {
    window.wait_for_frame().await?;
    let desktop = Desktop::of(album.display)?;
    let shown = desktop.top_visible_window(window.application().unwrap_or_default())?;
    let path = album.folder.join(format!("{name}.png"));
    std::fs::write(&path, desktop.picture(&shown)?.png()?).map_err(Error::from)?;
    println!("(screenshot: {})", path.display());
    Ok(())
}

fn arguments(mut given: impl Iterator<Item = PathBuf>) -> Result<Arguments, Failure> {
    let binary = given.next().ok_or(Failure::Usage)?;
    // In the build's target folder: target/release/conch gives target/first-conversation.
    let target = binary.ancestors().nth(2).unwrap_or(Path::new("."));
    let mut arguments = Arguments {
        screenshots: target.join("first-conversation"),
        data_folder: std::env::var_os("CONCH_DATA_DIR").map(PathBuf::from),
        binary,
    };
    while let Some(name) = given.next() {
        let value = given.next().ok_or(Failure::Usage)?;
        match name.to_str() {
            Some("--data-dir") => arguments.data_folder = Some(value),
            Some("--screenshots") => arguments.screenshots = value,
            _ => return Err(Failure::Usage),
        }
    }
    Ok(arguments)
}
