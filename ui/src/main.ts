/** Composes the page: mounts the views of the state, and wires up the user's actions. */
import { computed, effect, signal } from "@preact/signals-core";
import { ComposerFiles } from "./features/attachments/composer-files";
import { preview } from "./features/attachments/view";
import { Chat } from "./features/chat/chat";
import { NEW } from "./features/chat/composer/drafts";
import { keepFocus } from "./features/chat/composer/focus";
import { InputHistory } from "./features/chat/composer/input-history";
import { typeAnywhere } from "./features/chat/composer/type-anywhere";
import { composer } from "./features/chat/composer/view";
import { focusArrow, focusedArrow } from "./features/chat/message/pager";
import { countsDown } from "./features/chat/message/view";
import { ScrollFollower } from "./features/chat/transcript/scroll-follower";
import { transcript } from "./features/chat/transcript/view";
import { dialogs, type Question } from "./features/dialogs/view";
import { Find } from "./features/find/find";
import { markText } from "./features/find/mark";
import { findBar } from "./features/find/view";
import { header } from "./features/header/view";
import { mountModelMenu } from "./features/models/menu";
import { ModelPicker } from "./features/models/picker";
import { ConversationParameters } from "./features/parameters/conversation-parameters";
import { isAnySet, NO_PARAMETERS } from "./features/parameters/parameters";
import { parametersDialog } from "./features/parameters/view";
import { showFatal } from "./features/recovery/page";
import { applyAppearance, applyLastAppearance } from "./features/settings/appearance";
import { SettingsPage } from "./features/settings/page";
import { lastSendKey, rememberSendKey } from "./features/settings/send-key";
import type { Step } from "./features/settings/zoom";
import { listenToShortcuts } from "./features/shortcuts/global";
import { shortcutsDialog } from "./features/shortcuts/view";
import { SidebarFold } from "./features/sidebar/fold";
import { listenToUndo, sidebar, UNTITLED } from "./features/sidebar/view";
import { watchStart } from "./features/start/start";
import type { ToastKind } from "./features/toasts/toasts";
import { toasts } from "./features/toasts/view";
import { type ConversationSummary, commands, events, messageOf } from "./ipc/host";
import { Highlighter } from "./markdown/highlighter";
import { OverflowObserver } from "./markdown/overflow-observer";
import type { MarkdownServices } from "./markdown/services";
import { byId, hasNoFocus, mount } from "./shared/dom";
import { formatShortcut } from "./shared/keyboard";
import { grow, insertText } from "./shared/text-area";
import { afterFrame } from "./shared/time";

applyLastAppearance();

/** Id of the conversation that this window was opened on, or that it showed before a reload. */
const asked = location.hash.slice(1);
const chat = new Chat();
const question = signal<Question | null>(null);
/** The shortcuts dialog is open. */
const shortcutsOpen = signal(false);
const side = new SidebarFold(takeFocus);
const find = new Find(chat);
const parameters = new ConversationParameters(chat);
const picker = new ModelPicker(chat.models.list);
const page = new SettingsPage({
	chat,
	picker,
	ask: (asked) => {
		question.value = asked;
	},
	copy: (text) => void copy(text),
});
/** Epoch ms, for countdowns and for the date of today. */
const now = signal(Date.now());

const inputHistory = new InputHistory(chat);
const rememberedKey = lastSendKey();
const sendKey = computed(() => page.settings.current.value?.sendKey ?? rememberedKey);

const started = chat.start(asked);
const waiting = byId("starting");
const noticed = watchStart((text) => {
	waiting.textContent = text;
});
const listening = Promise.all([
	events.lockChanged.listen(({ payload }) => chat.lockChanged(payload)),
	events.conversationChanged.listen(({ payload }) => chat.conversationChanged(payload)),
]);

const { typing } = chat;
const hasDraft = computed(() => chat.draft.value !== "" || typing.text.value !== "");
const focus = keepFocus(byId("composer"), (composing) => typing.compose(composing));
const files = new ComposerFiles(chat, focus);

/** Moves the focus to what receives keystrokes. */
function takeFocus(): void {
	if (page.isOpen.value) byId("settings-title").focus();
	else focus.focusField();
}

function open(id: string): void {
	side.state.leave();
	page.leave();
	void chat.open(id).then(() => {
		follower.stick();
		takeFocus();
	});
}

function create(): void {
	open(NEW);
}

function askToRename(conversation: Pick<ConversationSummary, "id" | "title">): void {
	question.value = { type: "rename", id: conversation.id, title: conversation.title ?? UNTITLED };
}

function openSettings(): void {
	side.state.leave();
	page.open();
}

const scroller = byId("transcript");
const { transcript: shown } = chat;
const follower = new ScrollFollower(scroller, {
	hasLater: () => shown.hasLater.value,
	onTop: () => void chat.load((view) => shown.loadEarlier(view)),
	onEnd: () => void chat.load((view) => shown.loadLater(view)),
});
shown.preserveScroll = (change) => follower.preserveScroll(change);
shown.isFollowed = () => follower.isFollowed();

/** Shows another version, and keeps the focus on the pager. */
async function select(messageId: string): Promise<void> {
	const pressed = focusedArrow();
	await chat.select(messageId);
	const message = scroller.querySelector(`[data-message-id="${messageId}"]`);
	if (message !== null) focusArrow(message, pressed);
}

function toEnd(): void {
	void chat.load((view) => shown.showLatest(view)).then(() => follower.stick());
}

const services: MarkdownServices = {
	openLink: (destination) => {
		commands.openLink(destination).catch((error) => chat.toasts.error(messageOf(error)));
	},
	loadImage: (destination) => commands.loadImage(destination),
	preserveScroll: (change) => {
		follower.preserveScroll(change);
		markFound();
	},
	copy: (text) => navigator.clipboard.writeText(text),
	highlighter: new Highlighter(
		(language, text) => commands.highlightCode(language, text),
		scroller,
	),
	overflow: new OverflowObserver(scroller),
};

// Rendered only when there is something to show: an earlier frame would delay this one by its own time.
await started;
waiting.remove();

mount(
	scroller,
	() =>
		transcript(
			{
				messages: shown.messages.value,
				live: shown.live.value,
				stopping: chat.stopping.value !== null,
				opening: chat.shownId.value !== NEW && chat.shown.value === null,
				hasDraft: hasDraft.value,
				hasLater: shown.hasLater.value,
				newBelow: follower.hidden.value || shown.hasLater.value,
				now: now.value,
			},
			{
				suggest: (text) => {
					// A suggestion is shown only if nothing is typed, but a draft may have come since.
					if (typing.text.value === "") insertText(focus.field(), text);
					else takeFocus();
				},
				retry: (messageId) => void chat.answerAgain(messageId, "retry"),
				regenerate: (messageId) => void chat.answerAgain(messageId, "regenerate"),
				select: (messageId) => void select(messageId),
				continueAnswer: () => void chat.sendText("Continue", "button"),
				copy: (text) => void copy(text),
				markdown: services,
				files: files.actions,
				toBottom: toEnd,
			},
		),
	() => {
		follower.watch();
		markFound();
	},
	// A button is removed by its press; anything else by further scrolling.
	() => (chat.busy.value ? takeFocus() : scroller.focus()),
);

effect(() => {
	if (shown.isPartial.value && shown.messages.value.length > 0) afterFrame(() => shown.drawAll());
});

function markFound(): void {
	markText(scroller, find.isOpen.value ? find.text.value : "");
}

mount(
	byId("find"),
	() =>
		findBar(
			{
				isOpen: find.isOpen.value,
				text: find.text.value,
				count: find.found.value?.length ?? null,
				at: find.at.value,
			},
			{
				type: (text) => find.type(text),
				step: (by) => void find.step(by),
				close: () => {
					find.close();
					takeFocus();
				},
			},
		),
	markFound,
	takeFocus,
);
effect(() => {
	const id = find.shown.value;
	if (id === null) return;
	const message = scroller.querySelector(`[data-message-id="${id}"]`);
	if (message !== null) follower.show(message);
});

function openFind(): void {
	find.open();
	const field = byId<HTMLInputElement>("find-text");
	field.focus();
	field.select();
}

const toastActions = {
	act: (id: number) => chat.toasts.act(id),
	dismiss: (id: number) => chat.toasts.dismiss(id),
	hold: (id: number) => chat.toasts.hold(id),
	release: (id: number) => chat.toasts.release(id),
};
const shownToasts = (kind: ToastKind) =>
	toasts(
		chat.toasts.shown.value.filter((toast) => toast.kind === kind),
		toastActions,
	);
mount(
	byId("composer"),
	() => {
		focus.beforeRender();
		return composer(
			{
				draft: chat.draft.value,
				next: typing.field.value === "next" ? typing.text.value : null,
				busy: chat.busy.value,
				canStop: chat.lock.value?.locked ?? false,
				stopping: chat.stopping.value !== null,
				files: files.parts(),
				refusals: shownToasts("refusal"),
				note: chat.model.value?.note ?? null,
				sendKey: sendKey.value,
			},
			{
				type: (text) => typing.type(text),
				undo: () => toCaret(typing.undo()),
				redo: () => toCaret(typing.redo()),
				send: (source) => {
					follower.stick();
					void chat.send(source);
				},
				refuse: (source) => chat.refuse(source),
				stop: () => void chat.stop(),
				recall: {
					isRecalled: () => inputHistory.isRecalled(),
					older: () => inputHistory.older(),
					newer: () => inputHistory.newer(),
				},
			},
		);
	},
	() => {
		growAll();
		focus.afterRender();
	},
	takeFocus,
);
files.listen(byId("conversation"), byId("composer"));
// Toasts leave the composer free, however high it has grown.
new ResizeObserver(() => {
	byId("toasts").style.setProperty("--composer-height", `${byId("composer").offsetHeight}px`);
}).observe(byId("composer"));

mount(byId("alerts"), () => shownToasts("error"), undefined, takeFocus);
mount(byId("notices"), () => shownToasts("note"), undefined, takeFocus);
mount(
	byId("dialogs"),
	() => {
		const looked = files.preview.shown.value;
		if (looked !== null) return preview(looked, () => files.preview.close());
		const fields = parameters.fields.value;
		if (fields !== null) {
			return parametersDialog(fields, page.settings.parameters.value, () => parameters.close());
		}
		if (shortcutsOpen.value) return shortcutsDialog(sendKey.value, closeShortcuts);
		return dialogs(question.value, {
			rename: (id, title) => void chat.rename(id, title),
			removeProvider: (id) => void page.providers.remove(id),
			close: () => {
				question.value = null;
			},
		});
	},
	// The platform restores the focus, but its element may be gone, or cannot take it any more.
	() =>
		queueMicrotask(() => {
			if (hasNoFocus()) takeFocus();
		}),
);

effect(() => {
	byId("announcement").textContent = chat.announcement.text.value;
});
effect(() => {
	const title = page.isOpen.value ? "Settings" : chat.shown.value?.title;
	document.title = title == null ? "Conch" : `${title} – Conch`;
});
// A reload shows the same conversation.
effect(() => history.replaceState(null, "", `#${chat.shownId.value}`));
chat.fatal.subscribe((failure) => {
	if (failure !== null) showFatal(failure);
});
effect(() => {
	if (!countsDown(shown.live.value?.phase)) return;
	now.value = Date.now();
	const tick = setInterval(() => {
		now.value = Date.now();
	}, 500);
	return () => clearInterval(tick);
});

/** Moves the caret to where a change was undone; null if none was. */
function toCaret(at: number | null): void {
	if (at !== null) focus.field().setSelectionRange(at, at);
}

/** Grows the fields with their text; the platform cannot do so yet. */
function growAll(): void {
	for (const field of byId("composer").querySelectorAll("textarea")) grow(field);
}

function openShortcuts(): void {
	shortcutsOpen.value = true;
}

function closeShortcuts(): void {
	shortcutsOpen.value = false;
}

async function zoomBy(step: Step): Promise<void> {
	try {
		chat.toasts.note(`Zoom: ${await page.settings.zoomBy(step)}%`);
	} catch (error) {
		chat.toasts.error(messageOf(error));
	}
}

/** Saves what was typed, now. */
function flush(): void {
	chat.drafts.flush();
	page.flush();
}

async function copy(text: string): Promise<void> {
	try {
		await navigator.clipboard.writeText(text);
		chat.toasts.note("Copied");
	} catch {
		chat.toasts.error(`Could not copy: select the text and press ${formatShortcut("Mod+C")}`);
	}
}

listenToShortcuts({
	create,
	openWindow: () => void chat.openWindow(),
	rename: () => {
		if (chat.shown.value === null || page.isOpen.value) return false;
		return askToRename(chat.shown.value);
	},
	find: () => (page.isOpen.value ? false : openFind()),
	attach: () => (page.isOpen.value ? false : byId("attach-button").click()),
	stop: () => void chat.stop(),
	sidebar: () => side.toggle(),
	zoomIn: () => void zoomBy(1),
	zoomOut: () => void zoomBy(-1),
	zoomReset: () => void zoomBy(0),
	settings: openSettings,
	shortcuts: openShortcuts,
	help: openShortcuts,
	escape: () => {
		// Closes what is on top first.
		if (picker.request.value !== null) return false;
		if (side.state.over.value) return side.toggle();
		return page.isOpen.value ? page.close() : false;
	},
});
typeAnywhere(() => (page.isOpen.value || picker.request.value !== null ? null : focus.field()));
document.addEventListener("visibilitychange", () => {
	if (document.visibilityState === "visible") chat.resync();
	else flush();
});
window.addEventListener("focus", () => {
	now.value = Date.now();
	chat.resync();
});
window.addEventListener("blur", flush);
window.addEventListener("pagehide", flush);
window.addEventListener("resize", growAll);

follower.stick();
takeFocus();
// A hidden page has no frames.
if (document.visibilityState === "visible") await new Promise(requestAnimationFrame);
// End of the start: `cargo xtask bench start` measures it, and a profiler shows it.
performance.mark("composer-usable");

// In a separate frame, because typing need not wait for a title and a list.
mount(byId("header"), () =>
	header(
		{
			title: chat.shown.value?.title ?? null,
			exists: chat.shown.value !== null,
			modelId: chat.modelId.value,
			model: chat.model.value,
			modelsRead: chat.models.list.value.length > 0,
			pickerOpen: picker.request.value !== null && !page.isOpen.value,
			hasParameters: isAnySet(chat.parameters.value ?? NO_PARAMETERS),
			sidebarOpen: side.state.inSight.value,
		},
		{
			toggleSidebar: () => side.toggle(),
			create,
			rename: () => {
				if (chat.shown.value !== null) askToRename(chat.shown.value);
			},
			openWindow: () => void chat.openWindow(),
			pickModel: (anchor) =>
				picker.open({
					anchor,
					chosen: chat.modelId.value ?? chat.model.value?.id ?? null,
					none: null,
					choose: (id) => {
						if (id !== null) void chat.chooseModel(id);
					},
				}),
			openParameters: () => parameters.open(),
		},
	),
);

/** Loads more of the list before its end becomes visible. */
const listEnd = new IntersectionObserver(([end]) => {
	if (end?.isIntersecting) void chat.loadMoreConversations();
});
mount(
	byId("sidebar"),
	() =>
		sidebar(
			{
				conversations: chat.conversations.list.value,
				unread: chat.conversations.unread.value,
				shownId: page.isOpen.value ? null : chat.shownId.value,
				now: now.value,
			},
			{
				create,
				openSettings,
				openShortcuts,
				open,
				rename: askToRename,
				remove: ({ id, title }) => void chat.remove(id, title ?? UNTITLED),
			},
		),
	// Again after each render: an end that stays visible would not be reported again.
	() => {
		listEnd.disconnect();
		listEnd.observe(byId("conversation-list-end"));
	},
	() => side.takeFocus(),
);
listenToUndo(byId("sidebar"), () => void chat.deletions.undo());

mountModelMenu(picker, chat.models, () => page.addProvider());
page.mount();
effect(() => {
	const appearance = page.settings.current.value?.appearance;
	if (appearance !== undefined) applyAppearance(appearance);
	rememberSendKey(sendKey.value);
});

await listening;
await Promise.all([
	events.settingsChanged.listen(({ payload }) => page.settingsChanged(payload)),
	events.modelsChanged.listen(() => page.modelsChanged()),
]);
void page.settings.load();
void chat.models.read();
const notice = await noticed;
if (notice !== "") chat.toasts.note(notice);
await events.showConversation.listen(({ payload }) => open(payload.conversationId));
// Changes between the start's reads and the subscriptions were missed.
chat.resync();
