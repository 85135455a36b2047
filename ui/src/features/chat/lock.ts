/**
 * Merges lock events and snapshots from the core: pure, so that every order in which they may arrive is a test
 * of a few lines.
 */
import type { LockChanged, LockStatus } from "../../ipc/bindings";

/** Returns whether a change is newer: a later grant, or the release of the known one. */
export function isNewer(known: LockStatus, change: LockChanged): boolean {
	if (change.fence !== known.fence) return change.fence > known.fence;
	return known.locked && !change.locked;
}

/** Returns the lock after a change. What it leaves open, the next snapshot fills in. */
export function lockAfter(change: LockChanged): LockStatus {
	return {
		locked: change.locked,
		canSend: !change.locked,
		generationId: change.locked ? change.generationId : null,
		messageId: change.locked ? change.messageId : null,
		userId: null,
		lockedAt: null,
		expiresAt: null,
		fence: change.fence,
	};
}

/** Returns the lock that a generation holds which the core has just accepted. */
export function lockAccepted(accepted: {
	readonly generationId: string;
	readonly assistantMessageId: string;
	readonly fence: number;
}): LockStatus {
	return {
		locked: true,
		canSend: false,
		generationId: accepted.generationId,
		messageId: accepted.assistantMessageId,
		userId: null,
		lockedAt: null,
		expiresAt: null,
		fence: accepted.fence,
	};
}

/** Returns whether a snapshot predates a release already received, whose fence is `released`. */
export function isBeforeRelease(snapshot: LockStatus, released: number): boolean {
	return snapshot.locked && snapshot.fence <= released;
}

/** The fences of the releases received, by branch: a snapshot read before one of them is stale. */
export class Releases {
	readonly #fences = new Map<string, number>();

	/** Notes a release. A lease that only expired may be renewed. */
	add({ locked, branchId, fence }: LockChanged): void {
		if (!locked) this.#fences.set(branchId, fence);
	}

	/** Returns whether the snapshot of a branch's lock predates a release already received. */
	isStale(branchId: string, lock: LockStatus): boolean {
		return isBeforeRelease(lock, this.#fences.get(branchId) ?? 0);
	}
}
