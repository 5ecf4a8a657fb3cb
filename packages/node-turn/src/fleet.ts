import type { NodeView } from './objects.ts';
import { activeTurn, TURN } from './turn.ts';
import { failedOn } from './update.ts';

/** Another node, as far as it counts. */
export interface Peer {
  readonly name: string;
  readonly isReady: boolean;
  /** It was powered off by a request, and is not back. */
  readonly isOff: boolean;
  /** The systems that failed on it. */
  readonly failed: readonly string[];
}

/** Returns a node as others count it. */
export function peerOf({ name, isReady, isSilent, annotations }: NodeView): Peer {
  const turn = activeTurn(annotations[TURN]);
  const isOff = turn?.action === 'poweroff' && turn.phase === 'stopping' && isSilent;
  return { name, isReady, isOff, failed: failedOn(annotations) };
}

export interface Room {
  /** The nodes whose turn it is, without those that are gone or off by request. */
  readonly holders: readonly string[];
  /** The nodes that are away: those holders, and all others that are not ready. */
  readonly away: readonly string[];
}

/**
 * Returns who is away besides this node. `holders` must have been read before `peers`: a holder that is dropped here
 * can only begin another turn by changing the Lease, and then the write of this one is refused.
 */
export function roomBeside(name: string, holders: readonly string[], peers: readonly Peer[]): Room {
  const others = peers.filter((peer) => peer.name !== name);
  const isPresent = (holder: string): boolean =>
    others.some((peer) => peer.name === holder && !peer.isOff);
  const kept = holders.filter((holder) => holder !== name && isPresent(holder));
  const silent = others.filter(({ isReady, isOff }) => !isReady && !isOff);
  const away = new Set([...kept, ...silent.map((peer) => peer.name)]);
  return { holders: kept, away: [...away] };
}

/** Returns the nodes on which a system failed. */
export const nodesWithFailed = (digest: string, peers: readonly Peer[]): readonly string[] =>
  peers.filter(({ failed }) => failed.includes(digest)).map(({ name }) => name);
