//! Links that open something that is not a web address, or hide where they lead.

use crate::{NamedText, numbered};

pub(crate) fn all() -> Vec<NamedText> {
    let schemes = SCHEMES.iter().chain(HIDDEN);
    let destinations = schemes.enumerate().map(|(at, destination)| {
        (
            format!("a destination {}", at + 1),
            in_every_form(destination),
        )
    });
    destinations
        .chain(numbered("a link that lies", LIES))
        .chain(numbered("HTML that links", HTML))
        .collect()
}

/// Returns a destination in every form that Markdown supports.
fn in_every_form(destination: &str) -> String {
    format!(
        "[inline]({destination}) [angles](<{destination}>) [title](<{destination}> \"https://example.com\")\n\
         ![image]({destination}) ![angles](<{destination}>) [![both](<{destination}>)](<{destination}>)\n\
         <{destination}> {destination}\n\
         [full][a] [collapsed][] [a] ![reference][a] note[^n]\n\n\
         # [heading](<{destination}>)\n\n\
         > - **[deep](<{destination}>)**\n\n\
         | [cell](<{destination}>) | b |\n|---|---|\n| ![cell](<{destination}>) | <{destination}> |\n\n\
         [a]: <{destination}> \"title\"\n\
         [collapsed]: {destination}\n\n\
         [^n]: [note](<{destination}>)\n"
    )
}

const SCHEMES: &[&str] = &[
    "javascript:ran=1",
    "JaVaScRiPt:ran=1",
    "javascript://example.com/%0aran=1",
    "javascript:https://example.com",
    "javascript:void(ran=1)",
    "data:text/html,<script>ran=1</script>",
    "data:text/html;base64,PHNjcmlwdD5yYW49MTwvc2NyaXB0Pg==",
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='ran=1'/>",
    "data:image/png;base64,iVBORw0KGgo=",
    "vbscript:ran=1",
    "livescript:ran=1",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "file:\\\\host\\share",
    "smb://host/share",
    "ftp://SERVER/x",
    "ws://SERVER/x",
    "blob:http://SERVER/x",
    "about:blank",
    "view-source:http://SERVER/",
    "tauri://localhost/index.html",
    "ipc://localhost/delete_conversation",
    "asset://localhost/etc/passwd",
    "http://tauri.localhost/",
    "http://ipc.localhost/delete_conversation",
    "ms-msdt:/id",
    "search-ms:query=x",
    "vscode://file/etc/passwd",
    "x-terminal-emulator:ls",
    "tel:+123",
    "steam://run/1",
    "intent://example.com#Intent;scheme=https;end",
    "mailto:?bcc=b@example.com",
    "mailto:a@example.com?attach=/etc/passwd",
    "mailto:a@example.com?bcc=b@example.com",
    "#chat-input",
    "?q=1",
    "/etc/passwd",
    "../index.html",
    "//SERVER/x",
    "--help",
    "-e xterm",
    "$(touch x)",
    "`touch x`",
    "https://example.com/$(touch%20x);touch%20x|cat",
    "https://example.com/'\";touch x #",
];

/// Schemes and hosts hidden from checks for them.
const HIDDEN: &[&str] = &[
    " javascript:ran=1",
    "\tjavascript:ran=1",
    "java\tscript:ran=1",
    "java\rscript:ran=1",
    "java\u{0}script:ran=1",
    "\u{1}javascript:ran=1",
    "\u{200b}javascript:ran=1",
    "\u{feff}javascript:ran=1",
    "javascript\u{200b}:ran=1",
    "javascript&colon;ran=1",
    "javascript&#58;ran=1",
    "&#106;avascript:ran=1",
    "&#x6A;&#x61;vascript:ran=1",
    "java&Tab;script:ran=1",
    "java&NewLine;script:ran=1",
    "javascript%3Aran=1",
    "%6Aavascript:ran=1",
    "\u{ff4a}avascript:ran=1",
    "javascript\u{ff1a}ran=1",
    "\\javascript:ran=1",
    "jav\\ascript:ran=1",
    "https:\\\\example.com",
    "https:/\\SERVER",
    "https://example.com\\@SERVER",
    "https://example.com@SERVER/",
    "https://example.com%2f@SERVER/",
    "https://user:password@SERVER/",
    "https:///SERVER",
    "http:SERVER",
    "\u{2028}javascript:ran=1",
    "java\u{ad}script:ran=1",
    "x:javascript:ran=1",
];

const LIES: &[&str] = &[
    "[https://example.com](https://evil.example)",
    "[example.com/login](http://SERVER/login)",
    "<https://example.com@evil.example>",
    "https://example.com@evil.example/",
    "[x](https://ex\u{430}mple.com/)",
    "[x](https://\u{430}\u{440}\u{440}\u{4cf}\u{435}.com/)",
    "https://g\u{43e}\u{43e}gle.com/",
    "[x](https://example.com\u{2044}evil.example/)",
    "[x](https://example.com\u{ff0f}evil.example/)",
    "[x](https://evil.example/\u{202e}moc.elpmaxe)",
    "[\u{202e}moc.elpmaxe//:sptth](https://evil.example/)",
    "[x](https://exam\u{ad}ple.com/)",
    "[x](https://2130706433/)",
    "[x](http://0x7f.1/)",
    "[x](https://xn--80ak6aa92e.com/)",
    "[x](https://example.com.evil.example/https://example.com)",
    "[](http://SERVER/empty)",
    "[\u{200b}](http://SERVER/invisible)",
    "[![](https://example.com/pixel.png)](http://SERVER/pixel)",
    "[a [b](http://SERVER/inner) c](http://SERVER/outer)",
    "[x][javascript:ran=1]\n\n[javascript:ran=1]: javascript:ran=1",
    "[x][A]\n\n[a]: https://example.com\n[A]: javascript:ran=1",
    "[^javascript:ran=1]\n\n[^javascript:ran=1]: [x](javascript:ran=1)",
    "[^__proto__][^constructor]\n\n[^__proto__]: a\n[^constructor]: b",
    "[^1]\n\n[^1]: [^2]\n[^2]: [^1]",
    "[__proto__][__proto__]\n\n[__proto__]: https://example.com",
    "[x](<javascript:ran=1\n>)",
    "[x](javascript:ran=1 'a' 'b')",
    "[x](<a>javascript:ran=1)",
    "[x](\njavascript:ran=1\n)",
    "![x](https://example.com/a.png \"javascript:ran=1\")",
    "www.javascript:ran=1 www.example.com/javascript:ran=1",
    "<a@example.com> mailto:a@example.com",
    "<javascript:ran=1> <data:text/html,x> <file:///etc/passwd>",
];

const HTML: &[&str] = &[
    "<a href=javascript:ran=1>click</a>",
    "<a href=\"javascript&colon;ran=1\">click</a>",
    "<a href=\" javascript:ran=1\">click</a>",
    "<a href=\"http://SERVER/\" target=_blank>click</a>",
    "<a href=\"http://SERVER/\" target=_top>click</a>",
    "<a href=\"data:text/html,x\" download>click</a>",
    "<a href=\"http://SERVER/\" ping=\"http://SERVER/ping\">click</a>",
    "<area href=javascript:ran=1 shape=default>",
    "<map name=m><area shape=rect coords=0,0,999,999 href=\"http://SERVER/\"></map><img usemap=#m>",
    "<svg><a xlink:href=\"javascript:ran=1\"><text>click</text></a></svg>",
    "<math><mrow xlink:href=\"javascript:ran=1\"><mi>click</mi></mrow></math>",
    "<a href=\"tauri://localhost/\">click</a>",
];
