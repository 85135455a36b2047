//! Links open in the system's browser: exactly the validated address, once, and no other.

use std::path::PathBuf;

use conch_fault_server::Script;
use serde_json::json;
use tempfile::TempDir;

use crate::keyboard::{focused, press, tab_to};
use crate::{Scene, until};

/// A stand-in for `xdg-open` that records its arguments.
pub(crate) struct Opener {
    folder: TempDir,
}

impl Default for Opener {
    fn default() -> Self {
        use std::os::unix::fs::PermissionsExt;

        const PROGRAM: &str = "#!/bin/sh\nprintf '%s %s\\n' \"$#\" \"$*\" >> \"$0.log\"\n";
        let opener = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::write(opener.program(), PROGRAM).unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(opener.program(), executable).unwrap();
        opener
    }
}

impl Opener {
    fn program(&self) -> PathBuf {
        self.folder.path().join("xdg-open")
    }

    /// Returns the environment in which an application finds this program first.
    pub(crate) fn environment(&self) -> [(String, String); 1] {
        let path = std::env::var("PATH").unwrap();
        let folder = self.folder.path().display();
        [("PATH".to_owned(), format!("{folder}:{path}"))]
    }

    /// Returns the recorded calls, each with its number of arguments first.
    pub(crate) fn opened(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("xdg-open.log"));
        log.unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

const ANSWER: &str = "[first](https://example.com/a?b=c&d=%20e#f) and [mail](mailto:somebody@example.com), \
    [script](javascript:alert%281%29), [file](file:///etc/passwd), [far](<https://ex\u{430}mple.com/>) \
    and [shell](https://example.com/$(touch%20x);y).";

const FIRST: &str = "1 https://example.com/a?b=c&d=%20e#f";
const SHELL: &str = "1 https://example.com/$(touch%20x);y";

#[tokio::test(flavor = "multi_thread")]
async fn a_link_reaches_the_browser_once_and_as_it_was_checked() {
    let opener = Opener::default();
    let scene = Scene::open_with(&opener.environment()).await;
    scene.server.push(Script::answer(ANSWER));
    scene.send("hello").await;
    scene
        .wait_until(
            "document.querySelector('.message[data-status=complete] a.link')",
            "there are links",
        )
        .await;
    // A refused link first: if it opened anything, that would be in the log before the others.
    for refused in [1, 2] {
        let click = format!(
            "document.querySelectorAll('.link.refused')[{}].click();",
            refused - 1
        );
        scene.run(&click).await;
        scene
            .window
            .click(&format!(".link.refused:nth-of-type({refused})"))
            .await
            .unwrap();
    }
    scene.window.click("a.link").await.unwrap();
    until("the browser opens it", async || !opener.opened().is_empty()).await;
    assert_eq!(opener.opened(), [FIRST]);

    // The core validates again what the page requests.
    for refused in [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "--version",
        "xdg-open",
    ] {
        let asked = scene
            .window
            .invoke("open_link", json!({"destination": refused}));
        let error = asked.await.unwrap().unwrap_err();
        assert_eq!(error["code"], json!("invalid_argument"), "{refused}");
    }

    press(&scene, "\u{e004}").await;
    tab_to(&scene, "a.link:last-of-type").await;
    let at = focused(&scene, "a link").await;
    assert_eq!(at.host, json!("example.com"), "where it leads is shown");
    press(&scene, "\u{e007}").await;
    until("the browser opens it again", async || {
        opener.opened().len() > 1
    })
    .await;
    assert_eq!(opener.opened(), [FIRST, SHELL]);
    assert!(!scene.folder.path().join("x").exists());

    let homograph = scene
        .run("return getComputedStyle(document.querySelectorAll('a.link')[2], '::after').content;")
        .await;
    assert_eq!(homograph, json!("none"), "shown only when it is pointed at");
    let hosts = scene
        .run("return [...document.querySelectorAll('a.link')].map((link) => link.dataset.host);")
        .await;
    let expected = json!([
        "example.com",
        "somebody@example.com",
        "xn--exmple-4nf.com",
        "example.com"
    ]);
    assert_eq!(hosts, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_nothing_opens_says_so() {
    let nothing = tempfile::tempdir().unwrap();
    let driver = ["/usr/bin/WebKitWebDriver", "/usr/local/bin/WebKitWebDriver"];
    let driver = driver
        .iter()
        .find(|driver| std::path::Path::new(driver).exists());
    std::os::unix::fs::symlink(driver.unwrap(), nothing.path().join("WebKitWebDriver")).unwrap();
    let path = nothing.path().display().to_string();
    let scene = Scene::open_with(&[("PATH".to_owned(), path)]).await;
    scene
        .server
        .push(Script::answer("[x](https://example.com/)"));
    scene.send("hello").await;
    scene.window.click("a.link").await.unwrap();
    scene
        .wait_until(
            "document.querySelector('.toast-error')",
            "an error is shown",
        )
        .await;
}
