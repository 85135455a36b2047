//! Which formulas are converted, and that the result is only MathML.

use proptest::prelude::*;

use super::*;

fn tree(source: &str) -> Option<MathNode> {
    Formulas::default().read(source, Place::Block).tree
}

/// Returns the tree as MathML, for reading.
fn written(node: &MathNode) -> String {
    match node {
        MathNode::Text { text } => text.clone(),
        MathNode::Element {
            name,
            attributes,
            children,
        } => {
            let attribute = |(name, value): &(&str, String)| format!(" {name}={value}");
            let attributes: String = attributes.iter().map(attribute).collect();
            let children: String = children.iter().map(written).collect();
            format!("<{name}{attributes}>{children}</{name}>")
        }
    }
}

fn mathml(source: &str) -> String {
    let tree = tree(source).unwrap_or_else(|| panic!("{source} is set"));
    let written = written(&tree);
    let inner = written.strip_prefix("<math display=block>");
    inner
        .and_then(|inner| inner.strip_suffix("</math>"))
        .unwrap_or(&written)
        .to_owned()
}

#[test]
fn what_models_write_is_set() {
    let formulas = r"E = mc^2
x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}
\int_{-\infty}^{\infty} e^{-x^2} \, dx = \sqrt{\pi}
\sum_{n=1}^{\infty} \frac{1}{n^2} = \frac{\pi^2}{6}
\lim_{x \to 0} \frac{\sin x}{x} = 1
\begin{aligned} a &= b + c \\ &= d \end{aligned}
\begin{align} a &= b + c \\ d &= e \end{align}
\begin{align*} a &= b \end{align*}
\begin{split} a &= b \\ &= c \end{split}
\begin{gather} a \\ b \end{gather}
\begin{equation} a \end{equation}
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}
\begin{bmatrix} 1 & \cdots & n \\ \vdots & \ddots & \vdots \\ 1 & \cdots & n \end{bmatrix}
\begin{vmatrix} a & b \\ c & d \end{vmatrix}
\begin{smallmatrix} a & b \end{smallmatrix}
\begin{cases} x & \text{if } x > 0 \\ -x & \text{otherwise} \end{cases}
\begin{array}{c|c} a & b \\ \hline c & d \end{array}
\left[\begin{array}{cc|c} 1 & 2 & 3 \\ 4 & 5 & 6 \end{array}\right]
\mathbb{R}^n \to \mathcal{O}(n \log n), \mathbf{x}^\top \boldsymbol{\theta} \bm{y}
\operatorname{softmax}(z)_i, \operatorname*{argmax}_{x} f(x)
\left\lVert x \right\rVert \left\langle x, y \right\rangle \left. y \right|_{x=0}
\bigl( x \bigr) \Big| y \Big|
\binom{n}{k} \dfrac{a}{b} \tfrac{a}{b} \cfrac{1}{1+\cfrac{1}{2}}
\overline{AB} \hat{x} \vec{v} \dot{x} \widehat{abc} \widetilde{abc}
\overbrace{a+b}^{n} \underbrace{a+b}_{n} \overset{!}{=} \underset{x}{\min} \stackrel{d}{=}
\xrightarrow{f} \xrightarrow[g]{f}
\sum_{\substack{i<n \\ j<m}} a_{ij}
\nabla \times \mathbf{B} = \mu_0 \mathbf{J} + \mu_0 \varepsilon_0 \frac{\partial \mathbf{E}}{\partial t}
\forall x \in X, \exists y \notin Y : A \subseteq B \cup C \setminus \emptyset
P(A \mid B) = \frac{P(B \mid A) P(A)}{P(B)}
f: A \to B, \quad x \mapsto x^2
\text{rate} = 5\,\text{km/h} \mbox{ or } 3\%
\textbf{bold} \textit{italic} \texttt{code} \mathrm{d}x
\color{red} x + \textcolor{blue}{y}
\boxed{x = \frac{5}{2}}
x = 1 \tag{1}
\cancel{x} \phantom{x} \not= \ne \neq
\mathbb{E}_{x \sim p}[f(x)] \ket{\psi} = \alpha\ket{0}
a \equiv b \pmod{n}, a \bmod b
f' f'' x_{1}, \dots, x_{n} {}^{14}_{6}C 90^\circ
\alpha \beta \gamma \Gamma \Delta \infty \hbar \ell \Re \aleph_0
\smash{x} \mathclap{y}
é + 中";
    for formula in formulas.lines() {
        assert!(tree(formula).is_some(), "{formula}");
    }
}

#[test]
fn what_is_no_tex_is_not_set() {
    let sources = [
        r"\frac{a}",
        "{",
        "}",
        "x^",
        "_",
        "a & b",
        r"\left( x",
        r"\right)",
        r"\nonsense",
        r"\begin{matrix} a",
        r"\end{matrix}",
        r"\begin{nonsense}\end{nonsense}",
        r"\",
        "#",
        "x_y_z",
        r"\text{",
        r"\boxed",
        r"\color{nonsense} x",
    ];
    for source in sources {
        assert_eq!(tree(source), None, "{source}");
    }
    assert!(
        tree(&"x + ".repeat(3_000)).is_none(),
        "longer than anybody writes"
    );
    assert!(
        tree(&"{}".repeat(4_500)).is_none(),
        "more levels than anybody writes"
    );
}

#[test]
fn nothing_gets_through_that_is_no_mathml() {
    let attempts = [
        r"\text{<script>alert(1)</script>}",
        r"\text{<img src=x onerror=alert(1)>}",
        r#"\text{" onmouseover="alert(1)}"#,
        r"\operatorname{<script>}",
        r"<script>alert(1)</script>",
        r"\mathrm{<}",
        r"\href{javascript:alert(1)}{x}",
        r"\url{javascript:alert(1)}",
        r"\htmlClass{x}{y}",
        r"\htmlId{x}{y}",
        r"\style{background: url(https://evil.com)}{x}",
        r"\class{x}{y}",
        r"\includegraphics{https://evil.com}",
        r"\unicode{x3c}",
        r"\begin{align} x \label{javascript:alert(1)} \end{align} \eqref{javascript:alert(1)}",
        r"\begin{align} x \tag{<script>} \end{align}",
        r"\color{red;background:url(https://evil.com)} x",
        r"\color{#ff0000} x",
        r"\text{&lt;script&gt;&#60;}",
        "\\text{]]><!--}",
    ];
    for attempt in attempts {
        let Some(tree) = tree(attempt) else {
            continue;
        };
        check(&tree).unwrap();
    }
    assert_eq!(
        mathml(r"\text{<b onclick=x>\&amp;}"),
        "<mtext><b\u{a0}onclick=x>&amp;</mtext>",
        "what looks like HTML is text"
    );
}

/// Checks that a tree has only elements and attributes that the page creates.
fn check(node: &MathNode) -> Result<(), TestCaseError> {
    if let MathNode::Element {
        name,
        attributes,
        children,
    } = node
    {
        prop_assert!(name.starts_with('m') && !["maction", "mglyph", "malignmark"].contains(name));
        for (name, value) in attributes {
            let known = !name.starts_with("on") && !["href", "style", "id", "src"].contains(name);
            prop_assert!(known, "{name}={value}");
            let harmless = |c: char| c.is_ascii_alphanumeric() || " #%+-.".contains(c);
            prop_assert!(value.chars().all(harmless), "{name}={value}");
        }
        for child in children {
            check(child)?;
        }
    }
    Ok(())
}

#[test]
fn alignment_lines_and_colours_are_attributes() {
    assert_eq!(
        mathml(r"\begin{aligned} a &= b \end{aligned}"),
        "<mtable displaystyle=true scriptlevel=0><mtr>\
         <mtd columnalign=right class=flush-right><mi>a</mi></mtd>\
         <mtd columnalign=left class=flush-left><mo>=</mo><mi>b</mi></mtd></mtr></mtable>"
    );
    assert_eq!(
        mathml(r"\begin{array}{l|r} a & b \\ \hline c & d \end{array}"),
        "<mtable displaystyle=false scriptlevel=0>\
         <mtr><mtd columnalign=left class=line-right><mi>a</mi></mtd><mtd columnalign=right><mi>b</mi></mtd></mtr>\
         <mtr><mtd columnalign=left class=line-top line-right><mi>c</mi></mtd>\
         <mtd columnalign=right class=line-top><mi>d</mi></mtd></mtr></mtable>"
    );
    assert_eq!(
        mathml(r"\color{red}x"),
        "<mrow mathcolor=#FF0000><mi>x</mi></mrow>"
    );
    assert_eq!(
        mathml(r"\text{a \textbf{b}}\texttt{c}"),
        "<mrow><mtext>a\u{a0}</mtext><mtext class=bold>b</mtext></mrow><mtext class=monospace>c</mtext>"
    );
    assert_eq!(
        mathml(r"\cancel{x}"),
        "<menclose notation=updiagonalstrike><mi>x</mi></menclose>"
    );
}

#[test]
fn a_box_has_a_line_on_each_side() {
    assert_eq!(
        mathml(r"\boxed{5}"),
        "<mtable displaystyle=false scriptlevel=0 class=line-left line-top line-bottom>\
         <mtr><mtd class=line-right><mrow displaystyle=true scriptlevel=0><mn>5</mn></mrow></mtd></mtr></mtable>"
    );
}

#[test]
fn equations_are_counted_through_a_document() {
    let mut formulas = Formulas::default();
    let mut number = |source: &str| {
        let tree = formulas.read(source, Place::Block).tree.unwrap();
        let written = written(&tree);
        let start = written.find("<mtext>(").unwrap() + 8;
        written[start..].split(')').next().unwrap().to_owned()
    };
    assert_eq!(number(r"\begin{equation} a \end{equation}"), "1");
    assert_eq!(number(r"\begin{align} b \end{align}"), "2");
    assert_eq!(number(r"c \tag{*}"), "*");
    assert_eq!(number(r"\begin{align} d \end{align}"), "3");
}

#[test]
fn a_formula_in_a_line_is_set_smaller() {
    let line = Formulas::default()
        .read(r"\frac12", Place::Line)
        .tree
        .unwrap();
    assert!(written(&line).starts_with("<math><mfrac>"));
    assert!(mathml(r"\frac12").starts_with("<mfrac>"));
}

#[test]
fn an_element_without_its_children_is_no_formula() {
    for xml in [
        "<math><mfrac><mi>a</mi></mfrac></math>",
        "<math><msup><mi>a</mi><mi>b</mi><mi>c</mi></msup></math>",
        "<math><mi>a</math>",
        "<math>",
        "",
        "text",
        "<mi>a</mi>",
        "<math></math><math></math>",
        "<math><!-- --></math>",
        "<math><mi>&nonsense;</mi></math>",
        "<math><mo><</mo></math>",
    ] {
        assert_eq!(mathml::read(xml), None, "{xml}");
    }
}

#[test]
fn unlisted_elements_are_dropped_and_their_text_kept() {
    let tree = mathml::read(
        "<math onclick=\"x\" href=\"y\"><semantics><a href=\"x\"><mi style=\"position: fixed\" \
         mathvariant=\"normal\">a</mi></a><annotation>b</annotation></semantics>c<mtext><span>d</span>\
         <script>e</script></mtext></math>",
    );
    assert_eq!(
        written(&tree.unwrap()),
        "<math><mi mathvariant=normal>a</mi>b<mtext>de</mtext></math>"
    );
}

#[test]
fn no_value_says_more_than_a_number_a_unit_or_a_name() {
    let tree = mathml::read(
        "<math><mrow style=\"color:url(x)\"><mspace width=\"calc(1em)\"/><mspace width=\"1.5em\"/></mrow>\
         <mo form=\"&quot;onclick=x\" lspace=\"-0.1667em\">=</mo></math>",
    );
    assert_eq!(
        written(&tree.unwrap()),
        "<math><mrow><mspace></mspace><mspace width=1.5em></mspace></mrow><mo lspace=-0.1667em>=</mo></math>"
    );
}

fn tex() -> impl Strategy<Value = String> {
    let pieces = vec![
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "^",
        "_",
        "&",
        r"\\",
        r"\left",
        r"\right",
        r"\middle",
        "'",
        "~",
        "%",
        " ",
        "\n",
        "a",
        "1",
        "=",
        "<",
        ">",
        "\"",
        "#",
        "#1",
        "|",
        ".",
        "/",
        "é",
        "中",
        "😀",
        "\0",
        "\u{202e}",
        r"\",
        "1em",
        "{}",
        "{cc}",
        r"\hline",
        r"\limits",
        r"\text{",
        r"\tag{",
        r"\label{",
        r"\eqref{",
        r"\not",
        r"\operatorname{",
        r"\operatorname*",
        r"\color{red}",
        r"\textcolor{red}",
        r"\genfrac",
        r"\frac",
        r"\sqrt",
        r"\sum",
        r"\int",
        r"\hat",
        r"\overbrace",
        r"\xrightarrow",
        r"\substack",
        r"\boxed",
        r"\begin{matrix}",
        r"\end{matrix}",
        r"\begin{array}{c|c}",
        r"\end{array}",
        r"\begin{align}",
        r"\end{align}",
        r"\begin{cases}",
        r"\end{cases}",
        r"\begin{equation}",
        r"\end{equation}",
        r"\begin{multline}",
        r"\end{multline}",
        r"\mathbb",
        r"\mathrm",
        r"\over",
        r"\choose",
        r"\displaystyle",
        r"\hspace{",
        r"\cancel",
        r"\phantom",
        r"\smash",
        r"\mbox{",
        r"\big",
        r"\Bigg",
        r"\rm",
        r"\bf",
        r"\,",
        r"\!",
        r"\quad",
        r"\;",
        r"\prime",
        r"\pmod",
        r"\bra",
        r"\ket",
        r"\textbf{",
        r"\char",
        r"\mathop",
        r"\mathrel",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_tex_brings_the_converter_down(source in tex()) {
        let mut formulas = Formulas::default();
        for place in [Place::Line, Place::Block] {
            if let Some(tree) = formulas.read(&source, place).tree {
                check(&tree)?;
            }
        }
    }

    #[test]
    fn no_text_at_all_brings_the_converter_down(source in any::<String>()) {
        if let Some(tree) = tree(&source) {
            check(&tree)?;
        }
    }
}
