import { announcement, type ArpPacket, probe } from '../wire/arp.ts';
import type { Millis } from './timing.ts';

const SECOND = 1000;
/** Times of RFC 5227 §1.1, and shorter ones for an address that is used while it is probed for. */
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
  /** Probes still to be sent. */
  readonly probes: number;
  readonly announcements: number;
  /** No host replied to the probes. */
  readonly settled: boolean;
  /** When the next packet is due; undefined while it only listens. */
  readonly dueAt: Millis | undefined;
  readonly defendedAt: Millis | undefined;
  /** A host that claims the address, until it is known whether it claims every address. */
  readonly doubt: { readonly mac: string; readonly until: Millis } | undefined;
  /** Hosts that claim every address: routers that reply in others' place. RFC 1027. */
  readonly proxies: readonly string[];
}

/** A watch that begins to probe. `jitter` is in [0, 1). */
export const startWatch = (address: string, pace: Pace, now: Millis, jitter: number): Watch => ({
  address,
  pace,
  probes: PROBES,
  announcements: ANNOUNCEMENTS,
  settled: false,
  dueAt: now + TIMES[pace].first * jitter,
  defendedAt: undefined,
  doubt: undefined,
  proxies: [],
});

/** A watch that only listens: the address is known to be ours. */
export const settledWatch = (address: string, pace: Pace): Watch => ({
  ...startWatch(address, pace, 0, 0),
  probes: 0,
  announcements: 0,
  settled: true,
  dueAt: undefined,
});

/** Returns the packet that is due, and the watch after it. */
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

/**
 * Returns whether another host has the address, or also probes for it while we `probe` for one that is granted. Before
 * that a probe may well be the server's own, and afterwards the kernel replies to it.
 */
export function isConflict(
  { address }: Watch,
  packet: ArpPacket,
  mac: string,
  probes: boolean,
): boolean {
  if (packet.senderMac === mac) return false;
  const wants = packet.sender === '0.0.0.0' && packet.target === address;
  return packet.sender === address || (wants && probes);
}

/** The wait for a host that claims our address to claim one that nobody has. */
const CONTROL_WAIT = 300;

/** Doubts a claim until it is known whether its host claims every address. Nothing else is sent meanwhile. */
export function startDoubt(watch: Watch, mac: string, now: Millis): Watch {
  const until = now + CONTROL_WAIT;
  return { ...watch, doubt: { mac, until }, dueAt: watch.dueAt && Math.max(watch.dueAt, until) };
}

/** Ends the doubt: the host claims every address. */
export const dismissDoubt = (watch: Watch, mac: string): Watch => ({
  ...watch,
  doubt: undefined,
  proxies: [...watch.proxies, mac],
});

/** Returns whether the last defence is long enough ago for another one. RFC 5227 §2.4 (c). */
export const mayDefend = ({ defendedAt }: Watch, now: Millis): boolean =>
  defendedAt === undefined || now - defendedAt >= DEFEND_INTERVAL;
