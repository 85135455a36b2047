// Scrolls the transcript as a user does, and measures what is seen. Put into the page by the test.

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
  /** Scrolls to a place, or by minus so much from the end; resolves when the page has been told. */
  async to(top) {
    scroller.dispatchEvent(new WheelEvent("wheel", { bubbles: true }));
    scroller.scrollTop = top < 0 ? scroller.scrollHeight - scroller.clientHeight + top : top;
    await frame();
    await frame();
  },
  /** Scrolls there, waits until messages have been loaded, and tells how far what is looked at has moved. */
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
  /** The first paragraph of which something is in sight. */
  read: () => [...scroller.querySelectorAll(".message p")].find((p) => topOf(p) + p.clientHeight > 0)?.textContent,
  distance: () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight,
  /** Where a message is in the scroller, from its top; null where it is not in sight. */
  place(id) {
    const message = scroller.querySelector(`[data-message-id="${id}"]`);
    if (message === null) return null;
    const top = topOf(message);
    return top + message.clientHeight > 0 && top < scroller.clientHeight ? top : null;
  },
};
