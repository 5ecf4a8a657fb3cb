import type { Offer, Selecting } from './model.ts';

/** Prefers the last address, then the last server, then the first offer. */
export function better({ offer, memory }: Selecting, other: Offer): Offer {
  if (offer === undefined) return other;
  const rank = ({ lease, server }: Offer): number =>
    (lease.address === memory.hint ? 2 : 0) +
    (server !== undefined && server === memory.network.server ? 1 : 0);
  return rank(other) > rank(offer) ? other : offer;
}
