import { fromHex } from '@kios/bytes';

import type { Millis } from '../client/timing.ts';

const ROUTER_SOLICITATION = 133;
const SOURCE_LINK_LAYER = 1;
/** RFC 4861 §10. */
const MOST_SOLICITATIONS = 3;
const INTERVAL: Millis = 4000;

/** The time that routers have to reply before a link counts as one without any. RFC 4862 §5.5.2. */
export const ROUTERS_REPLY_WITHIN: Millis = MOST_SOLICITATIONS * INTERVAL;

/** Returns a router solicitation; the kernel fills in its checksum. RFC 4861 §4.1. */
export const encodeSolicitation = (mac: string): Uint8Array =>
  Uint8Array.of(ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0, SOURCE_LINK_LAYER, 1, ...fromHex(mac));

/** The solicitations that are still to be sent. */
export interface Soliciting {
  readonly sent: number;
  readonly nextAt: Millis;
}

export const DONE: Soliciting = { sent: MOST_SOLICITATIONS, nextAt: Infinity };

export const startSoliciting = (now: Millis): Soliciting => ({ sent: 0, nextAt: now });

export function afterSolicitation({ sent }: Soliciting, now: Millis): Soliciting {
  return sent + 1 >= MOST_SOLICITATIONS ? DONE : { sent: sent + 1, nextAt: now + INTERVAL };
}
