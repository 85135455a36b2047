/**
 * What the core's word of a lock changes on the page: pure, so that every order in which events and
 * snapshots may arrive is a test of a few lines.
 */
import type { LockChanged, LockStatus } from "../ipc/bindings";

/** True when a change is news: a newer grant, or the end of the known one. */
export function isNewer(known: LockStatus, change: LockChanged): boolean {
	if (change.fence !== known.fence) return change.fence > known.fence;
	return known.locked && !change.locked;
}

/** The lock after a change. What a release leaves open, a snapshot tells soon after. */
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

/** True for a snapshot from before a release that has been told; `released` is that one's fence. */
export function isBeforeRelease(snapshot: LockStatus, released: number): boolean {
	return snapshot.locked && snapshot.fence <= released;
}
