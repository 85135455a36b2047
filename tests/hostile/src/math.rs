//! Formulas that make links, HTML or requests in renderers that support such commands, and endless formulas.

use crate::{NamedText, numbered};

pub(crate) fn all() -> Vec<NamedText> {
    let commands = COMMANDS.iter().enumerate().map(|(at, tex)| {
        let text =
            format!("In a line ${tex}$ and \\({tex}\\), and\n\n$${tex}$$\n\n```math\n{tex}\n```\n");
        (format!("a command of TeX {}", at + 1), text)
    });
    commands.chain(numbered("a formula", FORMULAS)).collect()
}

const COMMANDS: &[&str] = &[
    r"\href{javascript:ran=1}{x}",
    r"\href{http://SERVER/href}{x}",
    r"\url{javascript:ran=1}",
    r"\url{http://SERVER/url}",
    r"\includegraphics{http://SERVER/tex.png}",
    r"\includegraphics[height=1em]{file:///etc/passwd}",
    r"\htmlClass{toast-error}{x}",
    r"\htmlId{chat-input}{x}",
    r"\htmlStyle{position:fixed;inset:0}{x}",
    r"\htmlData{message-id=1}{x}",
    r"\cssId{stop-button}{x}",
    r"\class{message}{x}",
    r"\style{background:url(http://SERVER/style)}{x}",
    r"\html{<img src=x onerror=ran=1>}",
    r"\unicode{<img src=x onerror=ran=1>}",
    r"\text{<img src=x onerror=ran=1>}",
    r#"\mathrm{"onmouseover="ran=1}"#,
    r"\color{red;background:url(http://SERVER/color)}{x}",
    r"\textcolor{javascript:ran=1}{x}",
    r"\colorbox{url(http://SERVER/box)}{x}",
    r"\tag{<script>ran=1</script>}",
    r"\label{chat-input}\ref{chat-input}",
    r"\require{html}\href{javascript:ran=1}{x}",
    r"\mmlToken{mi}[href=javascript:ran=1]{x}",
    r"\data{x}{ran=1}",
    r"\input{/etc/passwd}",
    r"\write18{touch x}",
    r"\immediate\write18{curl http://SERVER/}",
    r"\catcode`\<=13\def<{ran=1}",
    r"\def\x{\x\x}\x",
    r"\newcommand{\x}{\x\x}\x",
    r"\let\x=\y\x",
    r"\begin{script}ran=1\end{script}",
    r"\rule{100000em}{100000em}",
    r"\hspace{1000000em}x",
    r"\kern-1000em\text{Stop}",
    r"\raise1000em{x}",
    r"\operatorname{</math><script>ran=1</script>}",
    "x\u{202e}y\u{200b}\u{0}z",
];

const FORMULAS: &[&str] = &[
    "$</math><script>ran=1</script>$",
    "$$</math><img src=x onerror=ran=1>$$",
    "$<script>ran=1</script>$ and $&lt;script&gt;$",
    "$x$[link](javascript:ran=1)$y$",
    "[$x$](javascript:ran=1) ![$x$](http://SERVER/alt.png)",
    "$`<img src=x onerror=ran=1>`$",
    "\\[<img src=x onerror=ran=1>\\]",
    "$\\\\$ $\\$ $$ $ $ \\( \\) \\[ \\]",
    "$$\n\n<img src=x onerror=ran=1>\n\n$$",
];
