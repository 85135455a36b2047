/**
 * The page: builds its parts in the order in which the user needs them, and connects them. The features know each
 * other only by the interfaces that they ask for here.
 */
import { computed, effect, type ReadonlySignal, signal } from "@preact/signals-core";
import { nothing } from "lit-html";
import { elementsOf } from "./elements";
import { ComposerFiles } from "./features/attachments/composer-files";
import { mountBranchMenu } from "./features/branches/mount";
import { type ComposerFocus, keepFocus, returnFocus } from "./features/chat/composer/focus";
import { InputHistory } from "./features/chat/composer/input-history";
import { mountComposer } from "./features/chat/composer/pane";
import { typeAnywhere } from "./features/chat/composer/type-anywhere";
import { markdownServices } from "./features/chat/message/markdown-services";
import { countsDown } from "./features/chat/message/progress";
import { mountTranscript } from "./features/chat/transcript/pane";
import { mountReadingBanner } from "./features/chat/transcript/reading-banner";
import { ScrollFollower } from "./features/chat/transcript/scroll-follower";
import { Dialogs } from "./features/dialogs/dialogs";
import { FindBar } from "./features/find/bar";
import { Find } from "./features/find/find";
import { mountHeader } from "./features/header/mount";
import { BranchMap } from "./features/map/map";
import { MapPane } from "./features/map/mount";
import { ConversationTree } from "./features/map/tree";
import { mountModelMenu } from "./features/models/menu";
import { Models } from "./features/models/models";
import { ModelPicker } from "./features/models/picker";
import { ConversationParameters } from "./features/parameters/conversation-parameters";
import { mountQueue } from "./features/queue/mount";
import { policyField } from "./features/queue/policy";
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
import type { ConversationSummary, ModelInfo, SendKey } from "./ipc/bindings";
import { NEW } from "./ipc/branch";
import { messageOf } from "./ipc/errors";
import type { Core } from "./ipc/host";
import { byId } from "./shared/dom";
import { formatShortcut } from "./shared/keyboard";
import { insertText } from "./shared/text-area";
import { tickWhile } from "./shared/time";
import { watchWindow } from "./shared/window";

/** Builds the page in the elements of `page`. Resolves once everything is drawn and every event is heard. */
export async function mount(core: Core, page: Document): Promise<void> {
	applyLastAppearance();
	await new App(core, page).start();
}

class App {
	readonly #core: Core;
	readonly #page: Document;
	readonly #elements: ReturnType<typeof elementsOf>;
	/** Epoch ms, for countdowns and for the date of today. */
	readonly #now = signal(Date.now());
	readonly #follower: ScrollFollower;
	readonly #workspace: Workspace;
	readonly #models: Models;
	readonly #picker: ModelPicker;
	readonly #side: SidebarFold;
	readonly #settings: SettingsPage;
	readonly #parameters: ConversationParameters;
	readonly #focus: ComposerFocus;
	readonly #files: ComposerFiles;
	readonly #find: FindBar;
	readonly #dialogs: Dialogs;
	readonly #isBranchMenuOpen = signal(false);
	readonly #tree: ConversationTree;
	readonly #map: MapPane;
	readonly #isMapOpen: ReadonlySignal<boolean>;
	/** The model of the shown branch, unless it is unknown. */
	readonly #model: ReadonlySignal<ModelInfo | undefined>;
	readonly #sendKey: ReadonlySignal<SendKey>;

	constructor(core: Core, page: Document) {
		const { commands } = core;
		const elements = elementsOf(page);
		this.#core = core;
		this.#page = page;
		this.#elements = elements;
		this.#follower = new ScrollFollower(elements.transcript, {
			hasLater: () => this.#workspace.shown.value.drawn.value.hasLater.value,
			onTop: () => void this.#workspace.shown.value.loadEarlier(),
			onEnd: () => void this.#workspace.shown.value.loadLater(),
		});
		this.#workspace = new Workspace(commands, this.#follower);
		const { shown, shownId, toasts, typing, attachments } = this.#workspace;
		const fail = (reason: string) => toasts.error(reason);
		const takeFocus = () => this.#takeFocus();
		this.#models = new Models(commands);
		this.#model = computed(() => this.#models.find(shown.value.modelId.value));
		this.#picker = new ModelPicker(this.#models.list);
		this.#side = new SidebarFold(elements, takeFocus);
		this.#settings = new SettingsPage({
			commands,
			elements,
			models: this.#models,
			picker: this.#picker,
			askToRemove: ({ id, name }) => this.#dialogs.ask({ type: "removeProvider", id, title: name }),
			copy: (text) => void this.#copy(text),
			open: (address) => {
				commands.openLink(address).catch((error) => fail(messageOf(error)));
			},
			fail,
			returnFocus: (back) => returnFocus(elements.composer, back),
		});
		const rememberedKey = lastSendKey();
		const { settings } = this.#settings;
		this.#sendKey = computed(() => settings.current.value?.sendKey ?? rememberedKey);
		this.#parameters = new ConversationParameters({
			shownId,
			parameters: computed(() => shown.value.parameters.value),
			setParameters: (id, changed) => this.#workspace.setParameters(id, changed),
		});
		this.#focus = keepFocus(elements.composer, (composing) => typing.compose(composing));
		this.#files = new ComposerFiles({
			commands,
			attachments,
			toasts,
			composer: {
				key: computed(() => shown.value.key),
				text: typing.text,
				type: (text) => typing.type(text),
				field: this.#focus.field,
				focusField: this.#focus.focusField,
				chooseFiles: () => this.#chooseFiles(),
			},
			lacksVision: () => this.#model.value?.sees === false,
		});
		this.#find = new FindBar({
			find: new Find(commands, shown, fail),
			bar: elements.find,
			transcript: elements.transcript,
			scrollTo: (message) => this.#follower.show(message),
			takeFocus,
		});
		const map = new BranchMap({
			tree: computed(() => this.#tree.tree.value),
			branchId: computed(() => this.#workspace.view.value?.branchId ?? null),
		});
		this.#isMapOpen = map.isOpen;
		this.#tree = new ConversationTree(
			commands,
			shownId,
			computed(() => map.isOpen.value || this.#isBranchMenuOpen.value),
		);
		this.#map = new MapPane(elements.map, {
			map,
			tree: this.#tree,
			shown,
			transcript: elements.transcript,
			isCovered: () => this.#settings.isOpen.value,
			modelName: (id) => this.#models.find(id)?.name ?? id.slice(id.indexOf("/") + 1),
			scrollTo: (message) => this.#follower.show(message),
			takeFocus,
		});
		this.#dialogs = new Dialogs({
			preview: this.#files.preview,
			parameters: this.#parameters,
			defaultParameters: settings.parameters,
			model: this.#model,
			sendKey: this.#sendKey,
			conversationFields: () => {
				const view = this.#workspace.view.value;
				if (view === null) return nothing;
				const { defaultPolicy } = this.#workspace;
				return policyField(
					view.sendPolicy,
					defaultPolicy.value,
					(policy) => void this.#workspace.setSendPolicy(view.id, policy),
				);
			},
			rename: (id, title) => void this.#workspace.rename(id, title),
			renameBranch: (id, name) => void this.#workspace.renameBranch(id, name),
			deleteBranch: (id) => void this.#workspace.deleteBranch(id),
			removeProvider: (id) => void this.#settings.providers.remove(id),
			takeFocus,
		});
	}

	async start(): Promise<void> {
		const { commands, events } = this.#core;
		const workspace = this.#workspace;
		const { starting } = this.#elements;
		// The conversation that this window was opened on, or that it showed before a reload.
		const started = workspace.start(location.hash.slice(1));
		const noticed = watchStart(commands, (text) => {
			starting.textContent = text;
		});
		const listening = Promise.all([
			events.lockChanged.listen(({ payload }) => {
				workspace.lockChanged(payload);
				this.#tree.changed(payload.conversationId);
			}),
			events.conversationChanged.listen(({ payload }) => {
				workspace.conversationChanged(payload);
				this.#tree.changed(payload.conversationId);
			}),
			events.queueChanged.listen(({ payload }) => {
				workspace.queueChanged(payload);
				this.#tree.changed(payload.conversationId);
			}),
		]);

		// Rendered only when there is something to show: an earlier frame would delay this one by its own time.
		await started;
		starting.remove();
		this.#mountConversation();
		this.#watch();
		this.#listenToKeys();
		this.#follower.stick();
		this.#takeFocus();
		// A hidden page has no frames.
		if (this.#page.visibilityState === "visible") await new Promise(requestAnimationFrame);
		// End of the start: `cargo xtask bench start` measures it, and a profiler shows it.
		performance.mark("composer-usable");

		// In a separate frame, because typing need not wait for a title and a list.
		this.#mountRest();
		await listening;
		await Promise.all([
			events.settingsChanged.listen(({ payload }) => this.#settings.settingsChanged(payload)),
			events.modelsChanged.listen(() => this.#settings.modelsChanged()),
		]);
		void this.#settings.settings.load();
		void this.#models.read();
		const notice = await noticed;
		if (notice !== "") workspace.toasts.note(notice);
		await events.showConversation.listen(({ payload }) => this.#open(payload.conversationId));
		// Changes between the start's reads and the subscriptions were missed.
		workspace.resync();
	}

	/** Draws the messages, the composer, and what lies over them. */
	#mountConversation(): void {
		const { commands } = this.#core;
		const { transcript, readingBanner, queue, composer, conversation, ...elements } =
			this.#elements;
		const { shown, toasts, typing, draft } = this.#workspace;
		const takeFocus = () => this.#takeFocus();
		const hasDraft = computed(() => draft.value !== "" || typing.text.value !== "");
		mountTranscript(transcript, {
			shown,
			follower: this.#follower,
			markdown: markdownServices(commands, transcript, {
				preserveScroll: (change) => {
					this.#follower.preserveScroll(change);
					this.#find.mark();
				},
				fail: (reason) => toasts.error(reason),
			}),
			files: this.#files.actions,
			now: this.#now,
			sendKey: this.#sendKey,
			hasDraft: () => hasDraft.value,
			offersProvider: () => {
				const models = this.#models.list.value;
				return models.length > 0 && models.every((model) => model.embedded);
			},
			addProvider: () => this.#settings.addProvider(),
			suggest: (text) => {
				// A suggestion is shown only if nothing is typed, but a draft may have come since.
				if (typing.text.value === "") insertText(this.#focus.field(), text);
				else takeFocus();
			},
			copy: (text) => void this.#copy(text),
			rendered: () => this.#find.mark(),
			takeFocus,
		});
		mountReadingBanner(readingBanner, { shown, follower: this.#follower, takeFocus });
		this.#find.mount();
		mountComposer(composer, {
			shown,
			typing,
			draft,
			focus: this.#focus,
			history: new InputHistory(commands, shown, typing),
			sendKey: this.#sendKey,
			model: this.#model,
			files: () => this.#files.parts(),
			refusals: () => toastsOf(toasts, "refusal"),
			sending: () => this.#follower.stick(),
			takeFocus,
		});
		mountQueue(queue, {
			shown,
			sendKey: this.#sendKey,
			modelName: (id) => this.#otherModelName(id),
			takeFocus,
		});
		this.#files.listen(conversation, composer);
		// Toasts leave the composer free, however high it has grown.
		const below = [queue, composer];
		const heights = new ResizeObserver(() => {
			const height = below.reduce((sum, { offsetHeight }) => sum + offsetHeight, 0);
			elements.toasts.style.setProperty("--composer-height", `${height}px`);
		});
		for (const element of below) heights.observe(element);
		mountToasts(elements, toasts, takeFocus);
		this.#dialogs.mount(elements.dialogs);
	}

	/** Draws what typing need not wait for. */
	#mountRest(): void {
		const { header, sidebar, modelMenu, branchMenu } = this.#elements;
		const workspace = this.#workspace;
		const { shown, shownId } = workspace;
		const create = () => this.#open(NEW);
		const rename = (conversation: Named) => this.#askToRename(conversation);
		mountHeader(header, {
			shown,
			model: this.#model,
			models: this.#models,
			picker: this.#picker,
			isPicking: () => this.#picker.request.value !== null && !this.#settings.isOpen.value,
			isSidebarOpen: () => this.#side.state.inSight.value,
			isMapOpen: () => this.#isMapOpen.value,
			toggleMap: () => this.#map.toggle(),
			toggleSidebar: () => this.#side.toggle(),
			create,
			rename,
			openWindow: () => void workspace.openWindow(),
			openParameters: () => {
				// What a model refused since the list was read.
				void this.#models.read();
				this.#parameters.open();
			},
		});
		mountSidebar(sidebar, {
			conversations: workspace.conversations,
			now: this.#now,
			shownId: () => (this.#settings.isOpen.value ? null : shownId.value),
			loadMore: () => void workspace.loadMoreConversations(),
			undo: () => void workspace.deletions.undo(),
			focusRow: () => this.#side.takeFocus(),
			actions: {
				create,
				rename,
				openSettings: () => this.#openSettings(),
				openShortcuts: () => this.#dialogs.openShortcuts(),
				open: (id) => this.#open(id),
				remove: ({ id, title }) => void workspace.remove(id, title ?? UNTITLED),
			},
		});
		mountModelMenu(modelMenu, this.#picker, this.#models, () => this.#settings.addProvider());
		mountBranchMenu(branchMenu, {
			shown,
			isOpen: this.#isBranchMenuOpen,
			states: () => this.#tree.states(),
			button: () => this.#page.getElementById("branch-picker"),
			actions: {
				show: ({ id }) =>
					void shown.value.showBranch(id).then(() => {
						this.#follower.stick();
						this.#takeFocus();
					}),
				rename: ({ id, name }) => this.#dialogs.ask({ type: "renameBranch", id, title: name }),
				remove: ({ id, name }) => this.#dialogs.ask({ type: "deleteBranch", id, title: name }),
				setMaxParallel: (max) => void workspace.setMaxParallel(max),
				openMap: () => this.#map.open(),
			},
		});
		this.#map.mount();
		this.#settings.mount();
		effect(() => {
			const appearance = this.#settings.settings.current.value?.appearance;
			if (appearance !== undefined) applyAppearance(appearance);
			this.#workspace.defaultPolicy.value = this.#settings.settings.policy.value;
			rememberSendKey(this.#sendKey.value);
		});
	}

	/** Returns the name of a model, or null if it is the one that the shown branch uses anyway. */
	#otherModelName(id: string | null): string | null {
		const model = id === null ? undefined : this.#models.find(id);
		return model === undefined || model.id === this.#model.value?.id ? null : model.name;
	}

	/** Keeps the rest of the window up to date. */
	#watch(): void {
		const workspace = this.#workspace;
		const { shown, shownId, view, announcement } = workspace;
		effect(() => {
			this.#elements.announcement.textContent = announcement.text.value;
		});
		effect(() => {
			const title = this.#settings.isOpen.value ? "Settings" : view.value?.title;
			this.#page.title = title == null ? "Conch" : `${title} – Conch`;
		});
		// A reload shows the same conversation.
		effect(() => history.replaceState(null, "", `#${shownId.value}`));
		workspace.fatal.subscribe((failure) => {
			if (failure !== null) showFatal(failure, this.#core.commands);
		});
		tickWhile(this.#now, () => countsDown(shown.value.transcript.live.value?.phase));
		watchWindow(this.#page, {
			visible: () => workspace.resync(),
			focused: () => {
				this.#now.value = Date.now();
				workspace.resync();
			},
			left: () => {
				workspace.drafts.flush();
				this.#settings.flush();
			},
		});
	}

	#listenToKeys(): void {
		const workspace = this.#workspace;
		const settings = this.#settings;
		const { request } = this.#picker;
		listenToShortcuts({
			create: () => this.#open(NEW),
			openWindow: () => void workspace.openWindow(),
			rename: () => {
				const view = workspace.view.value;
				return view === null || settings.isOpen.value ? false : this.#askToRename(view);
			},
			find: () => (settings.isOpen.value ? false : this.#find.open()),
			attach: () => (settings.isOpen.value ? false : this.#chooseFiles()),
			map: () => (settings.isOpen.value ? false : this.#map.toggle()),
			stop: () => void workspace.shown.value.stop(),
			sidebar: () => this.#side.toggle(),
			zoomIn: () => void this.#zoomBy(1),
			zoomOut: () => void this.#zoomBy(-1),
			zoomReset: () => void this.#zoomBy(0),
			settings: () => this.#openSettings(),
			shortcuts: () => this.#dialogs.openShortcuts(),
			help: () => this.#dialogs.openShortcuts(),
			escape: () => {
				// Closes what is on top first.
				if (request.value !== null) return false;
				if (this.#side.state.over.value) return this.#side.toggle();
				if (this.#isMapOpen.value && !settings.isOpen.value) return this.#map.close();
				return settings.isOpen.value ? settings.close() : false;
			},
		});
		typeAnywhere(() =>
			settings.isOpen.value || request.value !== null ? null : this.#focus.field(),
		);
	}

	/** Moves the focus to what receives keystrokes. */
	#takeFocus(): void {
		if (this.#settings.isOpen.value) byId(this.#page, "settings-title").focus();
		else this.#focus.focusField();
	}

	#chooseFiles(): void {
		byId(this.#page, "attach-button").click();
	}

	#open(id: string): void {
		this.#side.state.leave();
		this.#settings.leave();
		void this.#workspace.open(id).then(() => {
			this.#follower.stick();
			this.#takeFocus();
		});
	}

	#openSettings(): void {
		this.#side.state.leave();
		this.#settings.open();
	}

	#askToRename({ id, title }: Named): void {
		this.#dialogs.ask({ type: "rename", id, title: title ?? UNTITLED });
	}

	async #copy(text: string): Promise<void> {
		const { toasts } = this.#workspace;
		try {
			await navigator.clipboard.writeText(text);
			toasts.note("Copied");
		} catch {
			toasts.error(`Could not copy: select the text and press ${formatShortcut("Mod+C")}`);
		}
	}

	async #zoomBy(step: Step): Promise<void> {
		const { toasts } = this.#workspace;
		try {
			toasts.note(`Zoom: ${await this.#settings.settings.zoomBy(step)}%`);
		} catch (error) {
			toasts.error(messageOf(error));
		}
	}
}

/** A conversation with its title, if it has one. */
type Named = Pick<ConversationSummary, "id" | "title">;
