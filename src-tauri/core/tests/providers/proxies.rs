//! What a proxy is sent and can read, with proxies that record every byte.

use std::sync::{Arc, Mutex};

use conch_core::model::MessageStatus;
use conch_core::provider::{EngineCommand, KeyChange, ProviderForm};
use conch_core::{App, Proxies};
use conch_fault_server::{FaultServer, Protocol};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{answered, open_behind, send};

const KEY: &str = "sk-probe-canary-7f3a";
const WORDS: &str = "the user's own words";

/// How a proxy responds; then it reads once more, and closes.
#[derive(Debug, Clone, Copy)]
enum ProxyBehaviour {
    /// Responds as an HTTP proxy that connects.
    Connects,
    /// Responds to every request with this status.
    Refuses(u16),
    /// Responds as a SOCKS proxy of this version.
    Socks(u8),
}

/// A proxy that records the bytes of each connection.
struct Canary {
    port: u16,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Canary {
    async fn start(manner: ProxyBehaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&heard);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let at = {
                    let mut all = all.lock().unwrap();
                    all.push(Vec::new());
                    all.len() - 1
                };
                let all = Arc::clone(&all);
                tokio::spawn(async move { drop(listen(stream, manner, &all, at).await) });
            }
        });
        Self {
            port,
            heard,
            accepting,
        }
    }

    fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }
}

/// Reads once, and records the bytes.
async fn read(stream: &mut TcpStream, all: &Mutex<Vec<Vec<u8>>>, at: usize) -> std::io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    let count = stream.read(&mut bytes).await?;
    all.lock().unwrap()[at].extend_from_slice(&bytes[..count]);
    Ok(())
}

async fn listen(
    mut stream: TcpStream,
    manner: ProxyBehaviour,
    all: &Mutex<Vec<Vec<u8>>>,
    at: usize,
) -> std::io::Result<()> {
    read(&mut stream, all, at).await?;
    match manner {
        ProxyBehaviour::Connects => stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?,
        ProxyBehaviour::Refuses(status) => {
            let refusal = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
            return stream.write_all(refusal.as_bytes()).await;
        }
        ProxyBehaviour::Socks(5) => {
            let asks_who = all.lock().unwrap()[at].contains(&2);
            if asks_who {
                // Requests a user name and a password (RFC 1929), and accepts them.
                stream.write_all(&[5, 2]).await?;
                read(&mut stream, all, at).await?;
                stream.write_all(&[1, 0]).await?;
            } else {
                stream.write_all(&[5, 0]).await?;
            }
            read(&mut stream, all, at).await?;
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        }
        ProxyBehaviour::Socks(_) => stream.write_all(&[0, 90, 0, 0, 0, 0, 0, 0]).await?,
    }
    // The start of a TLS handshake, or what must never arrive.
    read(&mut stream, all, at).await
}

struct Fixture {
    app: Arc<App>,
    _folder: TempDir,
}

impl Fixture {
    /// Opens the application with these variables, and an embedded engine that listens at `engine`.
    async fn with(variables: &[(&str, &str)], engine: Option<&FaultServer>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let proxies = Proxies::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let engine = command(&folder, engine);
        Self {
            app: open_behind(folder.path(), proxies, engine).await,
            _folder: folder,
        }
    }

    async fn add(&self, form: &ProviderForm) -> String {
        self.app.providers.save(form).await.unwrap().id
    }

    /// Returns why the provider in the form is unreachable.
    async fn problem(&self, form: &ProviderForm) -> String {
        let tested = self.app.providers.test(form).await.unwrap();
        let problem = tested.problem.unwrap();
        assert_eq!(problem.code, "provider_unreachable", "{problem:?}");
        problem.message
    }

    async fn answers(&self, model: Option<&str>) {
        let id = self.app.conversations.create(None, model).await.unwrap().id;
        send(&self.app, &id, WORDS).await;
        let answer = answered(&self.app, &id).await;
        assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
    }
}

/// Writes a program that starts immediately, like the engine, and reports the port of `server`.
#[cfg(unix)]
fn command(folder: &TempDir, server: Option<&FaultServer>) -> EngineCommand {
    use std::os::unix::fs::PermissionsExt;

    let (program, model) = (folder.path().join("engine"), folder.path().join("m.gguf"));
    let port = server.map_or(1, FaultServer::port);
    let script = format!(
        "#!/bin/sh\nread token\necho '{{\"event\":\"ready\",\"port\":{port},\"model\":\"m\"}}'\nread end\n"
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(&model, conch_gguf::testing::Sample::default().bytes()).unwrap();
    EngineCommand {
        program,
        model_files: vec![model],
    }
}

fn form(preset: &str, base_url: String, key: Option<&str>) -> ProviderForm {
    ProviderForm {
        id: None,
        preset: preset.to_owned(),
        name: String::new(),
        base_url,
        max_parallel: 4,
        key: match key {
            Some(key) => KeyChange::Set {
                key: key.into(),
                place: conch_core::model::KeyPlace::Session,
            },
            None => KeyChange::Remove,
        },
        consent: None,
    }
}

fn remote(key: Option<&str>) -> ProviderForm {
    form("custom", "https://api.conch.invalid/v1".to_owned(), key)
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes
        .windows(part.len())
        .any(|window| window == part.as_bytes())
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_on_this_machine_is_asked_through_a_proxy() {
    let canary = Canary::start(ProxyBehaviour::Refuses(502)).await;
    let address = format!("http://127.0.0.1:{}", canary.port);
    for variable in [
        "ALL_PROXY",
        "all_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
    ] {
        let server = FaultServer::start().await;
        let fixture = Fixture::with(&[(variable, &address)], Some(&server)).await;
        let port = server.port();
        // The embedded model, with the bearer token of its process.
        fixture.answers(None).await;
        for base_url in [
            server.base_url(),
            format!("http://localhost:{port}/v1"),
            format!("http://models.localhost:{port}/v1"),
            format!("http://0.0.0.0:{port}/v1"),
            format!("http://[::ffff:127.0.0.1]:{port}/v1"),
        ] {
            let form = form("lmstudio", base_url.clone(), Some(KEY));
            let tested = fixture.app.providers.test(&form).await.unwrap();
            assert_eq!(tested.models, Some(1), "{base_url}: {tested:?}");
            let id = fixture.add(&form).await;
            fixture.answers(Some(&format!("{id}/stand-in-1"))).await;
            fixture.app.providers.delete(&id).await.unwrap();
        }
        let ollama = form("ollama", server.base_url_of(Protocol::Ollama), None);
        let id = fixture.add(&ollama).await;
        fixture.answers(Some(&format!("{id}/stand-in-1"))).await;
        assert!(fixture.app.providers.models(true).await.unwrap()[0].available);
        fixture.app.providers.find_local().await.unwrap();
        fixture.app.quit().await;
        assert_eq!(server.completions().len(), 7, "{variable}");
        assert_eq!(canary.heard(), Vec::<Vec<u8>>::new(), "{variable}");
    }
}

#[tokio::test]
async fn an_https_proxy_learns_the_host_name_only() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let canary = Canary::start(ProxyBehaviour::Connects).await;
        let address = format!("http://user:pass-word@127.0.0.1:{}/", canary.port);
        let fixture = Fixture::with(&[(variable, &address)], None).await;
        fixture.add(&remote(Some(KEY))).await;
        let message = fixture.problem(&remote(Some(KEY))).await;
        let named = format!("http://127.0.0.1:{} ({variable})", canary.port);
        assert!(message.contains(&named), "{message}");
        assert!(!message.contains("pass-word"), "{message}");

        let models = fixture.app.providers.models(true).await.unwrap();
        let note = models[0].note.as_deref().unwrap();
        assert!(note.contains(&named), "{note}");
        let picture = fixture
            .app
            .load_image("https://pictures.conch.invalid/x.png");
        let message = picture.await.unwrap_err().to_string();
        assert!(message.contains(&named), "{message}");
        let id = fixture
            .app
            .conversations
            .create(None, Some("custom/m"))
            .await;
        let id = id.unwrap().id;
        send(&fixture.app, &id, WORDS).await;
        let answer = answered(&fixture.app, &id).await;
        assert_eq!(answer.status, MessageStatus::Failed);
        assert!(answer.error.unwrap().message.contains(&named));
        fixture.app.quit().await;

        let heard = canary.heard();
        assert!(heard.len() >= 4, "each of these was asked for there");
        let hosts = ["api.conch.invalid:443", "pictures.conch.invalid:443"];
        for bytes in &heard {
            let connects = |host: &&str| bytes.starts_with(format!("CONNECT {host} ").as_bytes());
            assert!(hosts.iter().any(connects));
            assert!(contains(bytes, "Basic dXNlcjpwYXNzLXdvcmQ="));
            let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
            let tls = bytes.get(end.unwrap() + 4).copied();
            assert!(matches!(tls, None | Some(0x16)), "then TLS, from its hello");
            for secret in [KEY, "Bearer", WORDS, "chat/completions", "x.png"] {
                assert!(!contains(bytes, secret), "{secret}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_https_goes_through_no_proxy() {
    let canary = Canary::start(ProxyBehaviour::Refuses(502)).await;
    for scheme in ["http", "socks5h", "socks4a"] {
        for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            let address = format!("{scheme}://127.0.0.1:{}", canary.port);
            let fixture = Fixture::with(&[(variable, &address)], None).await;
            let base_url = "http://models.conch.invalid:8080/v1".to_owned();
            let message = fixture.problem(&form("custom", base_url, None)).await;
            assert!(
                message.contains("models.conch.invalid could not be found"),
                "{message}"
            );
            assert!(message.contains(variable), "it says why not: {message}");
            fixture.app.quit().await;
        }
    }
    assert_eq!(canary.heard(), Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn a_host_that_is_excepted_is_asked_directly() {
    let canary = Canary::start(ProxyBehaviour::Connects).await;
    let address = format!("http://127.0.0.1:{}", canary.port);
    for (name, except) in [
        ("NO_PROXY", ".conch.invalid"),
        ("no_proxy", "example.com, api.conch.invalid"),
        ("NO_PROXY", "*"),
    ] {
        let variables = [("HTTPS_PROXY", address.as_str()), (name, except)];
        let fixture = Fixture::with(&variables, None).await;
        let message = fixture.problem(&remote(Some(KEY))).await;
        assert!(
            message.starts_with("The host api.conch.invalid could not be found"),
            "{message}"
        );
        fixture.app.quit().await;
    }
    assert_eq!(canary.heard(), Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn a_socks_proxy_leads_to_what_is_remote() {
    let name = "https://api.conch.invalid/v1";
    let number = "https://192.0.2.7:8443/v1";
    let by_name = b"\x05\x01\x00\x03\x11api.conch.invalid\x01\xbb".to_vec();
    let by_number = b"\x05\x01\x00\x01\xc0\x00\x02\x07\x20\xfb".to_vec();
    let login = b"\x01\x04user\x09pass-word".to_vec();
    let cases = [
        ("socks5h", "", 5, name, vec![by_name.clone()]),
        ("socks5h", "user:pass-word@", 5, name, vec![login, by_name]),
        ("socks5", "", 5, number, vec![by_number]),
        (
            "socks4a",
            "",
            4,
            name,
            vec![
                b"\x04\x01\x01\xbb\0\0\0".to_vec(),
                b"api.conch.invalid\0".to_vec(),
            ],
        ),
        (
            "socks4",
            "",
            4,
            number,
            vec![b"\x04\x01\x20\xfb\xc0\x00\x02\x07".to_vec()],
        ),
    ];
    for (scheme, user, version, base_url, parts) in cases {
        let canary = Canary::start(ProxyBehaviour::Socks(version)).await;
        let address = format!("{scheme}://{user}127.0.0.1:{}", canary.port);
        let fixture = Fixture::with(&[("ALL_PROXY", &address)], None).await;
        let message = fixture
            .problem(&form("custom", base_url.to_owned(), Some(KEY)))
            .await;
        let named = format!("{scheme}://127.0.0.1:{} (ALL_PROXY)", canary.port);
        assert!(
            message.contains(&named) && !message.contains("pass-word"),
            "{message}"
        );
        fixture.app.quit().await;

        let heard = canary.heard();
        assert_eq!(heard.len(), 1, "{scheme}");
        for part in parts {
            let found = heard[0].windows(part.len()).any(|window| window == part);
            assert!(found, "{scheme}: {part:?} in {:?}", heard[0]);
        }
        assert!(contains(&heard[0], "\u{16}\u{3}"), "then TLS: {scheme}");
        assert!(!contains(&heard[0], KEY) && !contains(&heard[0], "Bearer"));
    }
}

#[tokio::test]
async fn a_proxy_that_fails_is_named_with_what_to_do() {
    let refuses = Canary::start(ProxyBehaviour::Refuses(403)).await;
    let asks_who = Canary::start(ProxyBehaviour::Refuses(407)).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = free.local_addr().unwrap().port();
    drop(free);
    for (address, says) in [
        (
            format!("http://user:pass-word@127.0.0.1:{dead}"),
            format!("The proxy http://127.0.0.1:{dead} (HTTPS_PROXY) does not accept connections"),
        ),
        (
            format!("socks5h://user:pass-word@127.0.0.1:{dead}"),
            format!(
                "The proxy socks5h://127.0.0.1:{dead} (HTTPS_PROXY) does not accept connections"
            ),
        ),
        (
            format!("127.0.0.1:{}", refuses.port),
            format!(
                "The proxy http://127.0.0.1:{} (HTTPS_PROXY) could not connect to api.conch.invalid",
                refuses.port
            ),
        ),
        (
            format!("http://127.0.0.1:{}", asks_who.port),
            "requires a user name and a password".to_owned(),
        ),
        (
            "http://proxy.conch.invalid".to_owned(),
            "The proxy http://proxy.conch.invalid:80 (HTTPS_PROXY) could not be found".to_owned(),
        ),
        (
            "ftp://user:pass-word@127.0.0.1:21".to_owned(),
            "The proxy in HTTPS_PROXY cannot be used".to_owned(),
        ),
    ] {
        let fixture = Fixture::with(&[("HTTPS_PROXY", &address)], None).await;
        let message = fixture.problem(&remote(Some(KEY))).await;
        assert!(message.contains(&says), "{message}");
        assert!(!message.contains("pass-word"), "{message}");
        assert!(!message.contains("Nothing is listening"), "{message}");
        assert!(
            message.contains("HTTPS_PROXY") || message.contains("Correct"),
            "the next step: {message}"
        );
        fixture.app.quit().await;
    }
}
