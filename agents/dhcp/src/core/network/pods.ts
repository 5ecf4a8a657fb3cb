import type { NetworkConfig } from '@kios/network-config';

import type { Placed } from './roles.ts';

/** Pods have addresses of the segment behind a bridge. */
export interface ServedPods {
  readonly bridge: string;
  /** The bridge's port towards the segment. */
  readonly uplink: string;
  /** Whether the host's own IPv6 address comes from router announcements on the bridge. */
  readonly acceptRa: boolean;
  /** Of bridge and uplink: a link of the same name that is made anew is another one. */
  readonly indexes: readonly [bridge: number, uplink: number];
}

/** Returns which pods the file has served; undefined: none, or none yet, because a link is not there. */
export function podsOf(
  { pods, links }: NetworkConfig,
  placed: readonly Placed[],
): ServedPods | undefined {
  const bridge = links.find(({ id }) => id === pods?.lan);
  if (bridge?.kind !== 'bridge') return undefined;
  const made = placed.find(({ settings }) => settings === bridge)?.link;
  const uplink = placed.find(
    ({ settings, link }) => bridge.interfaces.includes(settings.id) && link.master === made?.index,
  )?.link;
  if (made === undefined || uplink === undefined) return undefined;
  return {
    bridge: made.name,
    uplink: uplink.name,
    acceptRa: bridge.acceptRa === true,
    indexes: [made.index, uplink.index],
  };
}
