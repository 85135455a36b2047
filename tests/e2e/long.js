// Scrolls the transcript as a user does, and measures what is visible. Injected into the page by the test.

const scroller = document.querySelector("#transcript");
const messages = () => [...scroller.querySelectorAll(".message")];
const ends = () => `${messages()[0]?.dataset.messageId} ${messages().at(-1)?.dataset.messageId}`;
const frame = () => new Promise(requestAnimationFrame);
const topOf = (element) => element.getBoundingClientRect().top - scroller.getBoundingClientRect().top;

async function until(what, condition) {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await frame();
  }
}

window.conchScroll = {
  /** Scrolls to an offset, or to a negative one from the end; resolves once the page has handled the event. */
  async to(top) {
    scroller.dispatchEvent(new WheelEvent("wheel", { bubbles: true }));
    scroller.scrollTop = top < 0 ? scroller.scrollHeight - scroller.clientHeight + top : top;
    await frame();
    await frame();
  },
  /** Scrolls there, waits until messages have been loaded, and returns how far the message in view has moved. */
  async load(top) {
    const before = ends();
    let most = messages().length;
    const count = new MutationObserver(() => {
      most = Math.max(most, messages().length);
    });
    count.observe(scroller, { subtree: true, childList: true });
    this.to(top);
    const looked = messages().find((message) => topOf(message) + message.clientHeight > 40);
    const was = topOf(looked);
    await until("messages have been loaded", () => ends() !== before);
    await frame();
    await frame();
    count.disconnect();
    const [first, last] = [messages()[0], messages().at(-1)];
    return {
      moved: looked.isConnected ? Math.abs(topOf(looked) - was) : null,
      most,
      count: messages().length,
      first: Number(first.dataset.messageId.slice(-12)),
      last: Number(last.dataset.messageId.slice(-12)),
    };
  },
  /** Returns the text of the first visible paragraph. */
  read: () => [...scroller.querySelectorAll(".message p")].find((p) => topOf(p) + p.clientHeight > 0)?.textContent,
  distance: () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight,
  /** Returns a message's offset from the scroller's top, or null when it is not visible. */
  place(id) {
    const message = scroller.querySelector(`[data-message-id="${id}"]`);
    if (message === null) return null;
    const top = topOf(message);
    return top + message.clientHeight > 0 && top < scroller.clientHeight ? top : null;
  },
};
