use reqwest::dns::{Name, Resolve};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::*;

fn network(variables: &[(&str, &str)]) -> Network {
    Network::new(Proxies::from_variables(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    }))
}

fn proxy_of(variables: &[(&str, &str)], address: &str) -> Option<String> {
    let route = network(variables).route(address).unwrap();
    route.proxy().map(ToString::to_string)
}

#[test]
fn the_variable_that_is_asked_first_is_curls() {
    let address = "https://example.com/v1";
    let all = [("ALL_PROXY", "socks5://one"), ("https_proxy", "two:3128")];
    assert_eq!(
        proxy_of(&all, address).as_deref(),
        Some("http://two:3128 (https_proxy)"),
        "the one for https before the one for everything"
    );
    assert_eq!(
        proxy_of(&all[..1], address).as_deref(),
        Some("socks5://one:1080 (ALL_PROXY)"),
        "with the scheme's own port"
    );
    assert_eq!(proxy_of(&[("HTTP_PROXY", "http://one")], address), None);
    assert_eq!(proxy_of(&[], address), None);
}

#[test]
fn what_is_no_proxy_is_refused_and_not_passed_by() {
    for value in ["ftp://one:21", "socks9://one", "http://", ":::"] {
        let route = network(&[("HTTPS_PROXY", value)]).route("https://example.com");
        assert!(
            matches!(route, Err(RouteError::Proxy("HTTPS_PROXY"))),
            "{value}: {route:?}"
        );
        let route = network(&[("HTTPS_PROXY", value)]).route("http://127.0.0.1:1");
        assert!(route.is_ok(), "this machine needs none");
    }
}

#[test]
fn no_password_is_in_any_debug_output() {
    let network = network(&[("ALL_PROXY", "socks5h://user:pass-word@one")]);
    let route = network.route("https://example.com").unwrap();
    let shown = format!("{network:?} {route:?} {}", route.proxy().unwrap());
    assert!(!shown.contains("pass-word"), "{shown}");
}

#[tokio::test]
async fn a_name_that_leads_into_the_own_network_leads_nowhere() {
    let name: Name = "localhost".parse().unwrap();
    let found = PublicOnly.resolve(name).await;
    assert!(found.is_err_and(|error| error.is::<NotPublic>()));
    assert!(!is_public_name("localhost").await);
    // With the error that the client reports.
    let client = build(Way::Public, None, None).unwrap();
    let sent = client.get("https://localhost:1/").send().await;
    let error = sent.unwrap_err();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    let mut found = false;
    while let Some(error) = cause {
        found |= error.is::<NotPublic>();
        cause = error.source();
    }
    assert!(found, "{error:?}");
}

#[tokio::test]
async fn what_may_travel_unencrypted_stays_in_the_own_network() {
    let resolved = async |name: &str| OwnNetworkOnly.resolve(name.parse().unwrap()).await;
    // A number resolves to itself, without DNS.
    for public in ["8.8.8.8", "2606:4700::1111"] {
        let refused = resolved(public).await.err().unwrap();
        assert!(refused.is::<NotOwnNetwork>(), "{public}: {refused}");
    }
    for own in ["192.168.1.7", "fd00::7", "localhost"] {
        let found: Vec<_> = resolved(own).await.ok().unwrap().collect();
        assert!(!found.is_empty(), "{own}");
    }
    let url = Url::parse("http://box:8000/v1").unwrap();
    let network = network(&[("https_proxy", "http://proxy:3128")]);
    let (way, proxy) = network.way_to(&url, Reach::OwnNetworkOnly).unwrap();
    assert_eq!(way, Way::OwnNetwork);
    assert!(proxy.is_none(), "a proxy would read it");
}

#[test]
fn a_consent_to_plain_http_leads_into_the_own_network_alone() {
    let network = network(&[]);
    let consent = Consent::PlainHttp {
        origin: "http://box:8000".to_owned(),
    };
    let way_of = |address: &str| {
        let route = network.consented_route(address, Some(&consent));
        route.unwrap();
        let mut clients = network.clients.lock().unwrap();
        let ways: Vec<_> = clients.drain().map(|((way, _), _)| way).collect();
        ways
    };
    assert_eq!(way_of("http://box:8000/v1"), [Way::OwnNetwork]);
    assert_eq!(
        way_of("http://other:8000/v1"),
        [Way::Plain],
        "it is about another"
    );
}

#[test]
fn what_is_not_public_has_no_public_way() {
    for address in [
        "https://127.0.0.1/x",
        "https://localhost",
        "https://10.0.0.1",
    ] {
        let route =
            network(&[("HTTPS_PROXY", "http://one")]).public_route(address.parse().unwrap());
        assert!(matches!(route, Err(RouteError::NotPublic(_))), "{address}");
    }
}

/// As llama.cpp's server does with a connection that was idle for five seconds.
#[tokio::test]
async fn a_server_of_ones_own_that_closes_an_idle_connection_loses_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let (read, mut write) = connection.split();
            let mut lines = BufReader::new(read).lines();
            while lines
                .next_line()
                .await
                .unwrap()
                .is_some_and(|line| !line.is_empty())
            {}
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            write.write_all(answer.as_bytes()).await.unwrap();
            // Only once the next request has come, so that the client cannot know.
            let _ = lines.next_line().await;
        }
    });
    let network = Network::new(Proxies::default());
    for _ in 0..3 {
        let answer = network.route(&address).unwrap().post().send().await;
        assert_eq!(answer.unwrap().text().await.unwrap(), "ok");
    }
    server.abort();
}
