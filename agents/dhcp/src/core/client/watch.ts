import { announcement, type ArpPacket, probe } from '../wire/arp.ts';
import type { Millis } from './timing.ts';

const SECOND = 1000;
/** RFC 5227 §1.1, and what replaces it where an address is used while it is being checked. */
const TIMES = {
  full: { first: SECOND, gap: SECOND, spread: SECOND, wait: 2 * SECOND },
  fast: { first: 0, gap: 350, spread: 0, wait: 300 },
} as const;
const PROBES = 3;
const ANNOUNCEMENTS = 2;
const ANNOUNCE_INTERVAL = 2 * SECOND;
const DEFEND_INTERVAL = 10 * SECOND;

export type Pace = keyof typeof TIMES;

/** Address conflict detection for one address. RFC 5227. */
export interface Watch {
  readonly address: string;
  readonly pace: Pace;
  /** Packets still to be sent. */
  readonly probes: number;
  readonly announcements: number;
  /** The probes went unanswered. */
  readonly settled: boolean;
  /** When something is to be sent or said next; undefined: it only listens. */
  readonly dueAt: Millis | undefined;
  readonly defendedAt: Millis | undefined;
}

/** Begins to probe. `jitter` is in [0, 1). */
export const startWatch = (address: string, pace: Pace, now: Millis, jitter: number): Watch => ({
  address,
  pace,
  probes: PROBES,
  announcements: ANNOUNCEMENTS,
  settled: false,
  dueAt: now + TIMES[pace].first * jitter,
  defendedAt: undefined,
});

/** Listens only: the address is known to be ours. */
export const settledWatch = (address: string, pace: Pace): Watch => ({
  ...startWatch(address, pace, 0, 0),
  probes: 0,
  announcements: 0,
  settled: true,
  dueAt: undefined,
});

/** Does what is due: the watch after it, and what to send. */
export function advanceWatch(
  watch: Watch,
  mac: string,
  now: Millis,
  jitter: number,
): readonly [Watch, ArpPacket] {
  const { gap, spread, wait } = TIMES[watch.pace];
  if (watch.probes > 0) {
    const probes = watch.probes - 1;
    const dueAt = now + (probes > 0 ? gap + spread * jitter : wait);
    return [{ ...watch, probes, dueAt }, probe(mac, watch.address)];
  }
  const announcements = watch.announcements - 1;
  const dueAt = announcements > 0 ? now + ANNOUNCE_INTERVAL : undefined;
  const next = { ...watch, announcements, settled: true, dueAt };
  return [next, announcement(mac, watch.address)];
}

/** Whether the packet says that somebody else has the address, or, while it is free for both, wants it too. */
export function isConflict(
  { address }: Watch,
  packet: ArpPacket,
  mac: string,
  inUse: boolean,
): boolean {
  if (packet.senderMac === mac) return false;
  const wants = packet.sender === '0.0.0.0' && packet.target === address;
  return packet.sender === address || (wants && !inUse);
}

/** Whether it is time to insist again that the address is ours. RFC 5227 §2.4 (c). */
export const mayDefend = ({ defendedAt }: Watch, now: Millis): boolean =>
  defendedAt === undefined || now - defendedAt >= DEFEND_INTERVAL;
