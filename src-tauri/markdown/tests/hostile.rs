//! Addresses that must not be opened: none of them gets a host, however it is written in Markdown. And those
//! that may be opened show the host that they lead to.

use conch_markdown::{Block, Inline, parse};
use conch_model::web_address;

/// Destinations that are refused.
const REFUSED: &[&str] = &[
    // Other schemes.
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "jAvAsCrIpT:alert(1)",
    "javascript://example.com/%0aalert(1)",
    "javascript:https://example.com",
    "javascript:void(0)//https://example.com",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD4=",
    "DATA:text/html,x",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "vbscript:msgbox(1)",
    "VBScript:x",
    "livescript:x",
    "mocha:x",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "FILE:///C:/Windows/System32/calc.exe",
    "file:\\\\host\\share",
    "smb://host/share",
    "smb:host",
    "ftp://example.com/x",
    "ftps://example.com",
    "sftp://example.com",
    "ssh://example.com",
    "telnet://example.com",
    "gopher://example.com",
    "ldap://example.com",
    "dict://example.com",
    "ws://example.com",
    "wss://example.com",
    "blob:https://example.com/1",
    "filesystem:https://example.com/x",
    "about:blank",
    "chrome://settings",
    "view-source:https://example.com",
    "jar:https://example.com!/x",
    "feed:https://example.com",
    "intent://example.com#Intent;scheme=https;end",
    "calculator:",
    "calculator://",
    "ms-msdt:/id",
    "ms-officecmd:{}",
    "ms-word:ofe|u|https://example.com/x.docm",
    "search-ms:query=x",
    "shell:startup",
    "hcp://x",
    "mk:@MSITStore:x",
    "steam://run/1",
    "slack://open",
    "vscode://file/x",
    "tel:+123",
    "sms:+123",
    "facetime:x",
    "magnet:?xt=urn:btih:x",
    "tauri://localhost/x",
    "ipc://localhost/x",
    "asset://localhost/etc/passwd",
    "httpx://example.com",
    "xhttp://example.com",
    "http+unix://x",
    "https-evil://example.com",
    // Hidden schemes.
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "java\rscript:alert(1)",
    "java\u{0}script:alert(1)",
    "\u{1}javascript:alert(1)",
    "\u{200b}javascript:alert(1)",
    "\u{feff}javascript:alert(1)",
    "javascript\u{200b}:alert(1)",
    "javascript&colon;alert(1)",
    "javascript&#58;alert(1)",
    "javascript&#x3a;alert(1)",
    "&#106;avascript:alert(1)",
    "&#x6A;&#x61;vascript:alert(1)",
    "java&Tab;script:alert(1)",
    "java&NewLine;script:alert(1)",
    "javascript%3Aalert(1)",
    "%6Aavascript:alert(1)",
    "javascript%253Aalert(1)",
    "ｊavascript:alert(1)",
    "javascript：alert(1)",
    "\\javascript:alert(1)",
    // No scheme, or no host.
    "",
    "#fragment",
    "/path",
    "./path",
    "../path",
    "?query",
    "path",
    "example.com",
    "www.example.com",
    "//example.com",
    "///example.com",
    "\\\\example.com",
    "/\\example.com",
    "\\/example.com",
    "http:",
    "http:/",
    "http://",
    "https://",
    "https:///example.com",
    "https:////example.com",
    "https:example.com",
    "https:/example.com",
    "https://?x",
    "https://#x",
    "https://:443/",
    "https://%20/",
    "https://exa mple.com",
    "https://example.com:99999/",
    "https://[::1",
    "https://[x]/",
    "https://1.2.3.4.5.6/",
    "https://%00.com",
    // Repaired by browsers.
    " https://example.com",
    "\u{a0}https://example.com",
    "\thttps://example.com",
    "ht\ttps://example.com",
    "https://exa\tmple.com",
    "https://example.com/\t",
    "https://exam\nple.com",
    "https:\\\\example.com",
    "https:/\\example.com",
    "https:\\/example.com",
    "https://example.com\\@evil.com",
    "https://example.com\\.evil.com",
    "https://evil.com\\example.com",
    "https://example.com\u{7f}",
    "https://example.com\u{85}",
    // Credentials, which look like a host.
    "https://example.com@evil.com/",
    "https://example.com:80@evil.com/",
    "https://example.com%2f@evil.com/",
    "https://user@evil.com",
    "https://user:password@evil.com",
    "https://@evil.com",
    "https://:@evil.com",
    "https://:password@evil.com",
    "https://a@b@evil.com",
    "http://example.com&amp;@evil.com",
    // Mail.
    "mailto:",
    "mailto:?to=a@example.com",
    "mailto://a@example.com",
    "mailto:nobody",
    "mailto:a@",
    "mailto:@example.com",
    "mailto:a@example.com,b@evil.com",
    "mailto:a@example.com?bcc=b@evil.com",
    "mailto:a@example.com?CC=b@evil.com",
    "mailto:a@example.com?to=b@evil.com",
    "mailto:a@example.com?attach=/etc/passwd",
    "mailto:a@example.com?subject=x&attachment=/etc/passwd",
    "mailto:a%0abcc:b@example.com",
    "mailto:a@example.com\nbcc:b@evil.com",
    "mailto:a@exаmple.com",
    "mailto:\"a b\"@example.com",
    "mailto:a@example.com%0d%0abcc:b",
];

/// Destinations that may be opened, and the host shown.
const OPENED: &[(&str, &str)] = &[
    ("https://example.com", "example.com"),
    ("http://example.com/path?query#fragment", "example.com"),
    ("HTTPS://EXAMPLE.COM/Path", "example.com"),
    ("https://example.com:8443/", "example.com"),
    ("https://example.com./", "example.com."),
    ("http://localhost:3000", "localhost"),
    ("http://127.0.0.1:11434/v1", "127.0.0.1"),
    ("http://[::1]:8080/", "[::1]"),
    ("https://example.com/@user", "example.com"),
    ("https://example.com/?q=a@b", "example.com"),
    ("https://example.com#@evil.com", "example.com"),
    ("https://example.com/a:b", "example.com"),
    ("https://example.com//evil.com", "example.com"),
    ("https://evil.com/https://example.com", "evil.com"),
    ("https://example.com.evil.com/", "example.com.evil.com"),
    // A browser opens the same host.
    ("http://0x7f.1/", "127.0.0.1"),
    ("http://2130706433/", "127.0.0.1"),
    ("https://ex%61mple.com/", "example.com"),
    ("https://ｅｘａｍｐｌｅ.com/", "example.com"),
    ("https://example。com/", "example.com"),
    ("https://exam\u{ad}ple.com/", "example.com"),
    // Homographs, distinguishable in punycode.
    ("https://exаmple.com/", "xn--exmple-4nf.com"),
    ("https://аррӏе.com/", "xn--80ak6aa92e.com"),
    ("https://gооgle.com/", "xn--ggle-55da.com"),
    ("https://bücher.example/", "xn--bcher-kva.example"),
    ("https://例え.jp/", "xn--r8jz45g.jp"),
    ("https://xn--80ak6aa92e.com/", "xn--80ak6aa92e.com"),
    ("mailto:somebody@example.com", "somebody@example.com"),
    (
        "MAILTO:a.b+c@example.com?subject=Hello&body=World",
        "a.b+c@example.com",
    ),
];

/// Collects the destination and host of every link and image, at any depth.
fn collect_hosts(blocks: &[Block], found: &mut Vec<(String, Option<String>)>) {
    fn inlines(list: &[Inline], found: &mut Vec<(String, Option<String>)>) {
        for inline in list {
            match inline {
                Inline::Link {
                    destination,
                    host,
                    inlines: inner,
                    ..
                } => {
                    found.push((destination.clone(), host.clone()));
                    inlines(inner, found);
                }
                Inline::Image {
                    destination, host, ..
                } => found.push((destination.clone(), host.clone())),
                Inline::Emphasis { inlines: inner }
                | Inline::Strong { inlines: inner }
                | Inline::Strikethrough { inlines: inner } => inlines(inner, found),
                _ => {}
            }
        }
    }
    for block in blocks {
        match block {
            Block::Paragraph { inlines: list } | Block::Heading { inlines: list, .. } => {
                inlines(list, found);
            }
            Block::Quote { blocks } => collect_hosts(blocks, found),
            Block::List { items, .. } => {
                for item in items {
                    collect_hosts(&item.blocks, found);
                }
            }
            Block::Table { header, rows, .. } => {
                for cell in header.iter().chain(rows.iter().flatten()) {
                    inlines(cell, found);
                }
            }
            _ => {}
        }
    }
}

fn hosts(markdown: &str) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    collect_hosts(&parse(markdown), &mut found);
    found
}

#[test]
fn what_is_no_web_address_opens_nothing() {
    assert!(REFUSED.len() >= 100, "{} payloads", REFUSED.len());
    for destination in REFUSED {
        assert_eq!(web_address(destination), None, "{destination:?}");
    }
}

#[test]
fn a_refused_destination_has_no_host_in_any_form_of_link() {
    for payload in REFUSED {
        let forms = [
            format!("[x]({payload})"),
            format!("[x](<{payload}> \"title\")"),
            format!("![x]({payload})"),
            format!("![x](<{payload}>)"),
            format!("<{payload}>"),
            format!("[x][a]\n\n[a]: {payload}\n"),
            format!("[x][a]\n\n[a]: <{payload}>\n"),
            format!("[![x]({payload})]({payload})"),
            format!("| a |\n|---|\n| [x]({payload}) |\n"),
            format!("> - **[x]({payload})**\n"),
        ];
        for markdown in forms {
            for (destination, host) in hosts(&markdown) {
                // Markdown decodes entities, and a bare address in a malformed link becomes a link.
                let truly = web_address(&destination).map(|url| match url.host_str() {
                    Some(host) => host.to_owned(),
                    None => url.path().to_owned(),
                });
                assert_eq!(host, truly, "{destination:?} in {markdown:?}");
                let scheme = destination.to_ascii_lowercase();
                let is_web = ["http://", "https://", "mailto:"]
                    .iter()
                    .any(|s| scheme.starts_with(s));
                assert!(host.is_none() || is_web, "{destination:?} in {markdown:?}");
            }
        }
    }
}

#[test]
fn what_opens_shows_where_it_leads() {
    for &(destination, host) in OPENED {
        let markdown = format!("[x](<{destination}>)");
        let expected = vec![(destination.to_owned(), Some(host.to_owned()))];
        assert_eq!(hosts(&markdown), expected);
    }
}

#[test]
fn nothing_is_loaded_by_mail() {
    let image = hosts("![x](mailto:somebody@example.com)");
    assert_eq!(image, [("mailto:somebody@example.com".to_owned(), None)]);
}

#[test]
fn raw_html_is_text() {
    let payloads = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<iframe src=\"javascript:alert(1)\"></iframe>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<math><mi xlink:href=\"javascript:alert(1)\">x</mi></math>",
        "<style>@import 'https://evil.com'</style>",
        "<base href=\"https://evil.com\">",
        "<meta http-equiv=refresh content=0>",
        "<form action=\"https://evil.com\"><input></form>",
        "<object data=\"x\"></object>",
        "<!-- --!><img src=x onerror=alert(1)> -->",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<?php system('x') ?>",
        "<details open ontoggle=alert(1)>",
    ];
    for payload in payloads {
        for markdown in [
            payload.to_owned(),
            format!("text {payload} text"),
            format!("- {payload}"),
        ] {
            let blocks = parse(&markdown);
            let json = serde_json::to_value(&blocks).unwrap();
            assert!(only_known_types(&json), "{markdown}: {json}");
            let mut text = String::new();
            all_text(&json, &mut text);
            for word in payload.split([' ', '\n']) {
                assert!(
                    text.contains(word),
                    "{word} of {markdown} is kept as text: {json}"
                );
            }
        }
    }
}

/// Whether every `type` is one that the page knows; none turns text into markup.
fn only_known_types(json: &serde_json::Value) -> bool {
    const TYPES: [&str; 22] = [
        "paragraph",
        "heading",
        "code",
        "math",
        "quote",
        "list",
        "table",
        "rule",
        "html",
        "footnotes",
        "text",
        "emphasis",
        "strong",
        "strikethrough",
        "link",
        "image",
        "footnoteReference",
        "softBreak",
        "hardBreak",
        "element",
        "replace",
        "grow",
    ];
    match json {
        serde_json::Value::Array(values) => values.iter().all(only_known_types),
        serde_json::Value::Object(fields) => fields.iter().all(|(name, value)| match value {
            serde_json::Value::String(kind) if name == "type" => TYPES.contains(&&**kind),
            value => only_known_types(value),
        }),
        _ => true,
    }
}

fn all_text(json: &serde_json::Value, text: &mut String) {
    match json {
        serde_json::Value::Array(values) => values.iter().for_each(|value| all_text(value, text)),
        serde_json::Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
            serde_json::Value::String(value) if name == "text" => text.push_str(value),
            value => all_text(value, text),
        }),
        _ => {}
    }
}
