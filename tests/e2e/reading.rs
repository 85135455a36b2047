//! Answers as the user reads them: rendered as Markdown, sanitized, and searchable.

use conch_fault_server::{Script, Step};
use serde_json::json;

use crate::Scene;

const ANSWER: &str = "## A title\n\nSome **bold** text, <img src=x onerror=\"window.ran = true\"> and \
    [a trap](javascript:window.ran=true).\n\n![far](https://pictures.example/a.png)\n\n\
    ```rust\nfn main() {}\n```\n";

impl Scene {
    /// Opens Find by its shortcut, and types.
    async fn look_for(&self, text: &str) {
        let (ctrl_f, window) = ("\u{e009}f\u{e000}", &self.window);
        window.type_text("#chat-input", ctrl_f).await.unwrap();
        window.type_text("#find-text", text).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_drawn_as_markdown_and_nothing_in_it_runs() {
    let scene = Scene::open().await;
    scene.server.push(Script::answer(ANSWER));
    scene.send("hello").await;
    scene
        .wait_until(
            "document.querySelector('.message[data-status=complete] .tok-keyword')?.textContent.trim() === 'fn'",
            "the code has its colours",
        )
        .await;
    let drawn = scene
        .run(
            "const answer = document.querySelector('[data-role=assistant] .text');
             const trap = [...answer.querySelectorAll('*')].find((e) => e.textContent === 'a trap');
             trap.click();
             return [answer.querySelector('strong').textContent, /<img src=x/.test(answer.textContent),
               answer.querySelectorAll('img, script, a[href], [onerror]').length,
               /pictures\\.example/.test(answer.textContent), window.ran ?? null];",
        )
        .await;
    assert_eq!(drawn, json!(["bold", true, 0, true, null]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_found_and_escape_returns_to_the_input() {
    let scene = Scene::open().await;
    scene.server.push(Script::answer("A needle in the hay"));
    scene.send("hello").await;
    scene
        .wait_for_answer("complete", "A needle in the hay")
        .await;
    scene.look_for("NEEDLE").await;
    scene
        .wait_until(
            "document.querySelector('.find-bar [role=status]').textContent === '1 of 1'
             && [...CSS.highlights.get('found')].length === 1",
            "it is found, and marked",
        )
        .await;
    scene
        .window
        .type_text("#find-text", "\u{e00c}")
        .await
        .unwrap();
    scene
        .wait_until(
            "!document.querySelector('.find-bar') && !CSS.highlights.has('found')
             && document.activeElement.id === 'chat-input'",
            "the bar is closed and the input has the focus",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_is_marked_to_the_end_of_an_answer_that_comes_bit_by_bit() {
    let scene = Scene::open().await;
    scene.server.push(Script::answer("A needle"));
    scene.send("hello").await;
    scene.wait_for_answer("complete", "A needle").await;
    scene.look_for("needle").await;
    let rows = "| hay | hay |\n".repeat(2_000);
    let long = format!("| a | b |\n|-|-|\n{rows}\nThe last needle.");
    scene.server.push(Script::answer(&long));
    scene.send("more").await;
    scene
        .wait_until(
            "document.querySelectorAll('#transcript td').length === 4000
             && document.querySelector('#transcript').textContent.includes('last needle')",
            "all of it is drawn",
        )
        .await;
    scene
        .wait_until(
            "[...CSS.highlights.get('found') ?? []].length === 2",
            "both are marked",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_formula_in_a_line_keeps_its_baseline_and_scrolls_where_it_is_too_wide() {
    let scene = Scene::open().await;
    let terms: Vec<_> = (0..60).map(|n| format!("x_{{{n}}}")).collect();
    scene.server.push(Script::answer(&format!(
        "As $a + b + c$ or $\\mathrm{{a}} + \\mathrm{{b}} + \\mathrm{{c}}$ there is ${}$ too.",
        terms.join(" + ")
    )));
    scene.send("hello").await;
    scene
        .wait_until(
            "document.querySelectorAll('.message[data-status=complete] math').length === 3",
            "the formulas are there",
        )
        .await;
    let seen = scene
        .run(
            "const [plain, boxed, wide] = document.querySelectorAll('[data-role=assistant] math');
             const edges = (math) => math.getBoundingClientRect();
             const isOff = Math.abs(edges(plain).bottom - edges(boxed).bottom) > 1;
             const box = wide.parentElement;
             const column = box.closest('p').getBoundingClientRect();
             box.focus();
             box.scrollLeft = 1e6;
             return [boxed.parentElement.localName, isOff, box.scrollLeft > 0,
               edges(wide).right <= column.right + 1];",
        )
        .await;
    assert_eq!(seen, json!(["span", false, true, true]));
}

#[tokio::test(flavor = "multi_thread")]
async fn reasoning_is_shown_where_it_happened() {
    let scene = Scene::open().await;
    let reasoning = |text: &str| Step::Reasoning(text.to_owned());
    let text = |text: &str| Step::Delta(text.to_owned());
    scene.server.push(Script::new([
        Step::Head,
        reasoning("First thoughts"),
        text("*One*"),
        reasoning("Second thoughts"),
        text("Two"),
        Step::Wait("end".to_owned()),
        text(", three"),
        Step::Finish("stop".to_owned()),
        Step::Done,
    ]));
    scene.send("hello").await;
    let shows = async |status: &str, expected: serde_json::Value| {
        let parts = format!(
            "JSON.stringify([...document.querySelectorAll('[data-role=assistant][data-status={status}] > :is(.reasoning, .text)')]
               .map((part) => [part.localName, (part.querySelector('.thoughts') ?? part).textContent.trim()]))
             === {}",
            json!(expected.to_string())
        );
        scene.wait_until(&parts, "the parts are in order").await;
    };
    let parts = |last: &str| {
        json!([
            ["details", "First thoughts"],
            ["div", "One"],
            ["details", "Second thoughts"],
            ["div", last]
        ])
    };
    shows("generating", parts("Two")).await;
    scene.server.gate("end").open();
    shows("complete", parts("Two, three")).await;
    scene.window.reload().await.unwrap();
    shows("complete", parts("Two, three")).await;
    let view = json!({"conversationId": scene.conversation().await});
    let view = scene.invoke("get_conversation", view).await;
    assert_eq!(
        view["messages"][1]["content"],
        "OneTwo, three".replace("One", "*One*")
    );
}
