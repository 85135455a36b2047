// Watches the page while hostile answers are shown: blocked attempts, elements that must not exist, and
// whether the application still works. The test injects it; it is not part of the page.

const HTML = new Set(
  ("p h1 h2 h3 h4 h5 h6 em strong s code pre figure figcaption span button a blockquote ul ol li input " +
    "table thead tbody tr th td div hr br section sup").split(" "),
);
const MATHML = new Set(
  ("math mi mn mo ms mtext mspace mrow mfrac msqrt mroot mstyle merror mpadded mphantom msub msup msubsup " +
    "munder mover munderover mmultiscripts mprescripts mtable mtr mtd none").split(" "),
);
/** Attributes of the page's own elements; none of them names, fetches, opens or restyles anything. */
const ATTRIBUTES =
  /^(class|title|role|tabindex|type|disabled|checked|start|value|dir|scope|colspan|aria-[a-z]+|data-(host|reference|note|tight|name|partial))$/;
const MATHML_ATTRIBUTES = /^(?!on|href$|src$|style$|id$|name$)[a-z-]+$/;
const CONTRACT = ["chat-input", "send-button", "new-conversation", "conversation-list", "model-picker"];
const OWN_ADDRESSES = /^(tauri|ipc):\/\/localhost\/|^http:\/\/(tauri|ipc)\.localhost\//;

const tried = [];
const before = {
  globals: new Set(Object.getOwnPropertyNames(window)),
  contract: CONTRACT.map((id) => document.getElementById(id)),
  page: location.href.replace(/#.*/, ""),
  head: document.head.childElementCount,
  body: [...document.body.children],
  history: history.length,
};

function hook(owner, name, isAllowed = () => false) {
  const original = owner[name];
  owner[name] = function (...given) {
    if (isAllowed(...given)) return Reflect.apply(original, this, given);
    tried.push(`${name}(${String(given[0]).slice(0, 100)})`);
    return undefined;
  };
}
for (const name of ["alert", "confirm", "prompt", "open", "print", "eval"]) hook(window, name);
for (const name of ["WebSocket", "EventSource", "Worker", "SharedWorker", "Image", "XMLHttpRequest", "Audio"]) {
  hook(window, name);
}
hook(navigator, "sendBeacon");
for (const name of ["write", "writeln", "execCommand"]) hook(document, name);
hook(window, "fetch", (to) => OWN_ADDRESSES.test(String(to.url ?? to)));
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  tried.push(`${violatedDirective} forbids ${blockedURI}`);
});
addEventListener("error", (event) => {
  // A layout that takes more than one frame is not an error.
  if (!/^ResizeObserver loop/.test(event.message)) tried.push(`error ${event.message}`);
});
addEventListener("unhandledrejection", ({ reason }) => tried.push(`rejection ${reason}`));
addEventListener("submit", () => tried.push("a form was submitted"), true);
new PerformanceObserver((list) => {
  for (const { name } of list.getEntries()) {
    if (!OWN_ADDRESSES.test(name) && !name.startsWith("data:")) tried.push(`fetched ${name}`);
  }
}).observe({ type: "resource" });

/** Returns the elements and attributes in an answer that must not be there. */
function wrongIn(root) {
  const wrong = [];
  for (const element of root.querySelectorAll("*")) {
    const isMath = element.namespaceURI === "http://www.w3.org/1998/Math/MathML";
    const isKnown = isMath ? MATHML.has(element.localName) : HTML.has(element.localName);
    if (!isKnown || (!isMath && element.namespaceURI !== "http://www.w3.org/1999/xhtml")) {
      wrong.push(`<${element.localName}>`);
    }
    for (const { name, value } of element.attributes) {
      const isAllowed = (isMath ? MATHML_ATTRIBUTES : ATTRIBUTES).test(name) || (isMath && name === "class");
      const isInput = name === "type" && element.localName === "input" && value !== "checkbox";
      const isButton = name === "type" && element.localName === "button" && value !== "button";
      if (!isAllowed || isInput || isButton) wrong.push(`<${element.localName} ${name}="${value.slice(0, 60)}">`);
    }
  }
  return wrong;
}

/** Returns everything that is wrong now, in the page and in its last answer. */
function wrongNow() {
  const wrong = tried.splice(0);
  const answer = [...document.querySelectorAll(".message[data-role=assistant]")].at(-1);
  for (const part of answer?.querySelectorAll(".text, .thoughts") ?? []) wrong.push(...wrongIn(part));
  for (const plain of document.querySelectorAll(".message[data-role=user] .text, .thoughts, .conversation .name")) {
    if (plain.querySelector(":not(.pieces, .piece)") !== null) wrong.push(`elements in a plain text: ${plain.innerHTML.slice(0, 100)}`);
  }
  for (const name of Object.getOwnPropertyNames(window)) {
    if (!before.globals.has(name) && name !== "conchWatch") wrong.push(`a global ${name}`);
  }
  CONTRACT.forEach((id, at) => {
    const found = document.querySelectorAll(`[id="${id}"]`);
    if (found.length !== 1 || found[0] !== before.contract[at] || found[0] !== document.getElementById(id)) {
      wrong.push(`#${id} is not what it was`);
    }
  });
  if (document.querySelectorAll("#stop-button").length > 1) wrong.push("more than one #stop-button");
  if (location.href.replace(/#.*/, "") !== before.page) wrong.push(`went to ${location.href}`);
  if (history.length !== before.history) wrong.push("the history has grown");
  if (document.head.childElementCount !== before.head) wrong.push("something in the head");
  if (String([...document.body.children]) !== String(before.body)) wrong.push("something in the body");
  const column = document.querySelector("#transcript");
  if (column.scrollWidth > column.clientWidth) wrong.push("the transcript scrolls sideways");
  return wrong;
}

/** Waits until the condition holds; checks it after every mutation of the page. */
function until(what, condition) {
  return new Promise((resolve, reject) => {
    const done = (settle, value) => {
      observer.disconnect();
      clearTimeout(timer);
      settle(value);
    };
    const look = () => {
      if (condition()) done(resolve);
    };
    const observer = new MutationObserver(look);
    const timer = setTimeout(() => done(reject, new Error(`waited in vain until ${what}`)), 90_000);
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    look();
  });
}

const input = () => document.querySelector("#chat-input");
const last = () => [...document.querySelectorAll(".message[data-role=assistant]")].at(-1);
const says = (marker) => last()?.querySelector(".text").textContent.includes(marker);

window.conchWatch = {
  /** Types and sends as a user does, and waits until the beginning of the answer is shown. */
  async begin(text, marker, isNew) {
    if (isNew) document.querySelector("#new-conversation").click();
    await until("the composer is free", () => !input().disabled && (!isNew || last() === undefined));
    input().value = text;
    input().dispatchEvent(new Event("input", { bubbles: true }));
    document.querySelector("#send-button").click();
    await until("the answer begins", () => last()?.dataset.status === "generating" && says(marker));
    if (!input().disabled) tried.push("the composer is not locked");
    return wrongNow();
  },
  /** Waits until the whole answer is drawn and the composer is unlocked. */
  async end(marker) {
    await until("the answer ends", () => last().dataset.status === "complete" && says(marker));
    await until("all of it is drawn", () => last().querySelector("[data-partial]") === null);
    await until("the composer is free", () => !input().disabled);
    await new Promise(requestAnimationFrame);
    return wrongNow();
  },
  /** Clicks and presses the answer's links and buttons, except the buttons that load an image. */
  async touch() {
    const links = [...last().querySelectorAll(".text .link")].slice(0, 40);
    for (const link of links) {
      link.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
      link.click();
    }
    for (const button of last().querySelectorAll(".reference button, .notes .back")) button.click();
    await new Promise(requestAnimationFrame);
    return wrongNow();
  },
  /** Misbehaves on purpose; returns what the watch detects, which must be all of it. */
  async provoke(server) {
    alert("a dialog");
    const isForbidden = new Promise((resolve) => {
      document.addEventListener("securitypolicyviolation", resolve, { once: true });
    });
    const forbidden = document.createElement("img");
    forbidden.src = `http://${server}/seen`;
    forbidden.id = "chat-input";
    document.querySelector("#transcript .empty").append(forbidden);
    window.ran = 1;
    await isForbidden;
    const seen = wrongNow();
    forbidden.remove();
    delete window.ran;
    return seen;
  },
};
