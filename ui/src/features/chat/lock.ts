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

/** Returns the lock after a change. What a release leaves open, a snapshot fills in soon after. */
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

/** Returns whether a snapshot predates a release already received, whose fence is `released`. */
export function isBeforeRelease(snapshot: LockStatus, released: number): boolean {
	return snapshot.locked && snapshot.fence <= released;
}
