/**
 * The page: builds its parts in the order in which the user needs them, and connects them. The features know each
 * other only by the interfaces that they ask for here.
 */
import { computed, effect, signal } from "@preact/signals-core";
import { elementsOf } from "./elements";
import { ComposerFiles } from "./features/attachments/composer-files";
import { keepFocus, returnFocus } from "./features/chat/composer/focus";
import { InputHistory } from "./features/chat/composer/input-history";
import { mountComposer } from "./features/chat/composer/pane";
import { typeAnywhere } from "./features/chat/composer/type-anywhere";
import { markdownServices } from "./features/chat/message/markdown-services";
import { countsDown } from "./features/chat/message/progress";
import { mountTranscript } from "./features/chat/transcript/pane";
import { ScrollFollower } from "./features/chat/transcript/scroll-follower";
import { Dialogs } from "./features/dialogs/dialogs";
import { FindBar } from "./features/find/bar";
import { Find } from "./features/find/find";
import { mountHeader } from "./features/header/mount";
import { mountModelMenu } from "./features/models/menu";
import { Models } from "./features/models/models";
import { ModelPicker } from "./features/models/picker";
import { ConversationParameters } from "./features/parameters/conversation-parameters";
import { showFatal } from "./features/recovery/page";
import { applyAppearance, applyLastAppearance } from "./features/settings/appearance";
import { SettingsPage } from "./features/settings/page";
import { lastSendKey, rememberSendKey } from "./features/settings/send-key";
import type { Step } from "./features/settings/zoom";
import { listenToShortcuts } from "./features/shortcuts/global";
import { SidebarFold } from "./features/sidebar/fold";
import { mountSidebar } from "./features/sidebar/mount";
import { UNTITLED } from "./features/sidebar/view";
import { watchStart } from "./features/start/start";
import { mountToasts, toastsOf } from "./features/toasts/mount";
import { Workspace } from "./features/workspace/workspace";
import { NEW } from "./ipc/branch";
import { messageOf } from "./ipc/errors";
import type { Core } from "./ipc/host";
import { byId } from "./shared/dom";
import { formatShortcut } from "./shared/keyboard";
import { insertText } from "./shared/text-area";
import { tickWhile } from "./shared/time";
import { watchWindow } from "./shared/window";

/** Builds the page in the elements of `page`. Resolves once everything is drawn and every event is heard. */
export async function mount({ commands, events }: Core, page: Document): Promise<void> {
	applyLastAppearance();
	const elements = elementsOf(page);
	/** Id of the conversation that this window was opened on, or that it showed before a reload. */
	const asked = location.hash.slice(1);
	/** Epoch ms, for countdowns and for the date of today. */
	const now = signal(Date.now());

	const follower: ScrollFollower = new ScrollFollower(elements.transcript, {
		hasLater: () => shown.value.transcript.hasLater.value,
		onTop: () => void shown.value.loadEarlier(),
		onEnd: () => void shown.value.loadLater(),
	});
	const workspace = new Workspace(commands, follower);
	const { shown, shownId, toasts, typing, attachments } = workspace;
	const models = new Models(commands);
	const model = computed(() => models.find(shown.value.modelId.value));
	const picker = new ModelPicker(models.list);
	const side = new SidebarFold(elements, takeFocus);
	const settings: SettingsPage = new SettingsPage({
		commands,
		elements,
		models,
		picker,
		askToRemove: ({ id, name }) => dialogs.ask({ type: "removeProvider", id, title: name }),
		copy: (text) => void copy(text),
		fail: (message) => toasts.error(message),
		returnFocus: (back) => returnFocus(elements.composer, back),
	});
	const rememberedKey = lastSendKey();
	const sendKey = computed(() => settings.settings.current.value?.sendKey ?? rememberedKey);
	const parameters = new ConversationParameters({
		shownId,
		parameters: computed(() => shown.value.parameters.value),
		setParameters: (id, changed) => workspace.setParameters(id, changed),
	});

	const started = workspace.start(asked);
	const noticed = watchStart(commands, (text) => {
		elements.starting.textContent = text;
	});
	const listening = Promise.all([
		events.lockChanged.listen(({ payload }) => workspace.lockChanged(payload)),
		events.conversationChanged.listen(({ payload }) => workspace.conversationChanged(payload)),
	]);

	const focus = keepFocus(elements.composer, (composing) => typing.compose(composing));
	const hasDraft = computed(() => workspace.draft.value !== "" || typing.text.value !== "");
	const files = new ComposerFiles({
		commands,
		attachments,
		toasts,
		composer: {
			key: computed(() => shown.value.draftKey),
			text: typing.text,
			type: (text) => typing.type(text),
			field: focus.field,
			focusField: focus.focusField,
			chooseFiles,
		},
		lacksVision: () => model.value?.sees === false,
	});
	const find = new FindBar({
		find: new Find(commands, shown, (reason) => toasts.error(reason)),
		bar: elements.find,
		transcript: elements.transcript,
		scrollTo: (message) => follower.show(message),
		takeFocus,
	});
	const dialogs: Dialogs = new Dialogs({
		preview: files.preview,
		parameters,
		defaultParameters: settings.settings.parameters,
		sendKey,
		rename: (id, title) => void workspace.rename(id, title),
		removeProvider: (id) => void settings.providers.remove(id),
		takeFocus,
	});

	/** Moves the focus to what receives keystrokes. */
	function takeFocus(): void {
		if (settings.isOpen.value) byId(page, "settings-title").focus();
		else focus.focusField();
	}

	function chooseFiles(): void {
		byId(page, "attach-button").click();
	}

	function open(id: string): void {
		side.state.leave();
		settings.leave();
		void workspace.open(id).then(() => {
			follower.stick();
			takeFocus();
		});
	}

	function openSettings(): void {
		side.state.leave();
		settings.open();
	}

	function askToRename({
		id,
		title,
	}: {
		readonly id: string;
		readonly title: string | null;
	}): void {
		dialogs.ask({ type: "rename", id, title: title ?? UNTITLED });
	}

	async function copy(text: string): Promise<void> {
		try {
			await navigator.clipboard.writeText(text);
			toasts.note("Copied");
		} catch {
			toasts.error(`Could not copy: select the text and press ${formatShortcut("Mod+C")}`);
		}
	}

	async function zoomBy(step: Step): Promise<void> {
		try {
			toasts.note(`Zoom: ${await settings.settings.zoomBy(step)}%`);
		} catch (error) {
			toasts.error(messageOf(error));
		}
	}

	/** Saves what was typed, now. */
	function flush(): void {
		workspace.drafts.flush();
		settings.flush();
	}

	const markdown = markdownServices(commands, elements.transcript, {
		preserveScroll: (change) => {
			follower.preserveScroll(change);
			find.mark();
		},
		fail: (reason) => toasts.error(reason),
	});

	// Rendered only when there is something to show: an earlier frame would delay this one by its own time.
	await started;
	elements.starting.remove();

	mountTranscript(elements.transcript, {
		shown,
		follower,
		markdown,
		files: files.actions,
		now,
		hasDraft: () => hasDraft.value,
		suggest: (text) => {
			// A suggestion is shown only if nothing is typed, but a draft may have come since.
			if (typing.text.value === "") insertText(focus.field(), text);
			else takeFocus();
		},
		copy: (text) => void copy(text),
		rendered: () => find.mark(),
		takeFocus,
	});
	find.mount();
	mountComposer(elements.composer, {
		shown,
		typing,
		focus,
		history: new InputHistory(commands, shown, typing),
		sendKey,
		draft: workspace.draft,
		model,
		files: () => files.parts(),
		refusals: () => toastsOf(toasts, "refusal"),
		sending: () => follower.stick(),
		takeFocus,
	});
	files.listen(elements.conversation, elements.composer);
	// Toasts leave the composer free, however high it has grown.
	new ResizeObserver(() => {
		const { offsetHeight } = elements.composer;
		elements.toasts.style.setProperty("--composer-height", `${offsetHeight}px`);
	}).observe(elements.composer);
	mountToasts(elements, toasts, takeFocus);
	dialogs.mount(elements.dialogs);
	effect(() => {
		elements.announcement.textContent = workspace.announcement.text.value;
	});
	effect(() => {
		const title = settings.isOpen.value ? "Settings" : workspace.view.value?.title;
		page.title = title == null ? "Conch" : `${title} – Conch`;
	});
	// A reload shows the same conversation.
	effect(() => history.replaceState(null, "", `#${shownId.value}`));
	workspace.fatal.subscribe((failure) => {
		if (failure !== null) showFatal(failure, commands);
	});
	tickWhile(now, () => countsDown(shown.value.transcript.live.value?.phase));

	listenToShortcuts({
		create: () => open(NEW),
		openWindow: () => void workspace.openWindow(),
		rename: () => {
			if (workspace.view.value === null || settings.isOpen.value) return false;
			return askToRename(workspace.view.value);
		},
		find: () => (settings.isOpen.value ? false : find.open()),
		attach: () => (settings.isOpen.value ? false : chooseFiles()),
		stop: () => void shown.value.stop(),
		sidebar: () => side.toggle(),
		zoomIn: () => void zoomBy(1),
		zoomOut: () => void zoomBy(-1),
		zoomReset: () => void zoomBy(0),
		settings: openSettings,
		shortcuts: () => dialogs.openShortcuts(),
		help: () => dialogs.openShortcuts(),
		escape: () => {
			// Closes what is on top first.
			if (picker.request.value !== null) return false;
			if (side.state.over.value) return side.toggle();
			return settings.isOpen.value ? settings.close() : false;
		},
	});
	typeAnywhere(() =>
		settings.isOpen.value || picker.request.value !== null ? null : focus.field(),
	);
	watchWindow(page, {
		visible: () => workspace.resync(),
		focused: () => {
			now.value = Date.now();
			workspace.resync();
		},
		left: flush,
	});

	follower.stick();
	takeFocus();
	// A hidden page has no frames.
	if (page.visibilityState === "visible") await new Promise(requestAnimationFrame);
	// End of the start: `cargo xtask bench start` measures it, and a profiler shows it.
	performance.mark("composer-usable");

	// In a separate frame, because typing need not wait for a title and a list.
	mountHeader(elements.header, {
		shown,
		model,
		models,
		picker,
		isPicking: () => picker.request.value !== null && !settings.isOpen.value,
		isSidebarOpen: () => side.state.inSight.value,
		toggleSidebar: () => side.toggle(),
		create: () => open(NEW),
		rename: askToRename,
		openWindow: () => void workspace.openWindow(),
		openParameters: () => parameters.open(),
	});
	mountSidebar(elements.sidebar, {
		conversations: workspace.conversations,
		now,
		shownId: () => (settings.isOpen.value ? null : shownId.value),
		loadMore: () => void workspace.loadMoreConversations(),
		undo: () => void workspace.deletions.undo(),
		focusRow: () => side.takeFocus(),
		actions: {
			create: () => open(NEW),
			openSettings,
			openShortcuts: () => dialogs.openShortcuts(),
			open,
			rename: askToRename,
			remove: ({ id, title }) => void workspace.remove(id, title ?? UNTITLED),
		},
	});
	mountModelMenu(elements.modelMenu, picker, models, () => settings.addProvider());
	settings.mount();
	effect(() => {
		const appearance = settings.settings.current.value?.appearance;
		if (appearance !== undefined) applyAppearance(appearance);
		rememberSendKey(sendKey.value);
	});

	await listening;
	await Promise.all([
		events.settingsChanged.listen(({ payload }) => settings.settingsChanged(payload)),
		events.modelsChanged.listen(() => settings.modelsChanged()),
	]);
	void settings.settings.load();
	void models.read();
	const notice = await noticed;
	if (notice !== "") toasts.note(notice);
	await events.showConversation.listen(({ payload }) => open(payload.conversationId));
	// Changes between the start's reads and the subscriptions were missed.
	workspace.resync();
}
