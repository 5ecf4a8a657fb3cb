/** SNTP, RFC 4330 §4: the packet of NTP without extensions. */
const SIZE = 48;
const VERSION = 4;
const MODE = { client: 3, server: 4 } as const;
/** Leap indicator of a server that is not synchronised itself. */
const UNSYNCHRONISED = 3;
const MAX_STRATUM = 15;
const AT = { reference: 12, originate: 24, receive: 32, transmit: 40 } as const;
/** Seconds from the epoch of NTP to that of Unix, and until its 32 bits begin again. */
const EPOCH = 2_208_988_800;
const ERA = 2 ** 32;

/** The length of the random number by which a reply is known. */
export const NONCE_SIZE = 8;

/** The times of a server, in milliseconds since 1970. */
export interface ServerTimes {
  readonly received: number;
  readonly sent: number;
}

/** `rejected`: the server does not want to be asked (a kiss-o'-death). `unusable`: it has no time, or is no server. */
export type Reply =
  | { readonly tag: 'times'; readonly times: ServerTimes }
  | { readonly tag: 'rejected' | 'unusable' };

/** The request has a random number for its time of transmission: the server returns it, and learns no clock. */
export function encodeRequest(nonce: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  bytes[0] = (VERSION << 3) | MODE.client;
  bytes.set(nonce, AT.transmit);
  return bytes;
}

/** NTP's 32 bits of seconds fit more than one date; the one at or after the floor is meant. */
function timeAt(view: DataView, at: number, floor: number): number {
  const seconds = view.getUint32(at) - EPOCH;
  const ms = (seconds + view.getUint32(at + 4) / ERA) * 1000;
  const eras = Math.max(0, Math.ceil((floor - ms) / (ERA * 1000)));
  return ms + eras * ERA * 1000;
}

function isReplyTo(bytes: Uint8Array, nonce: Uint8Array): boolean {
  const mode = (bytes[0] ?? 0) & 7;
  return (
    bytes.length >= SIZE &&
    mode === MODE.server &&
    nonce.every((byte, index) => bytes[AT.originate + index] === byte)
  );
}

/** Decodes the reply to the request with this nonce; undefined for any other packet. `floor` is in milliseconds. */
export function decodeReply(
  bytes: Uint8Array,
  nonce: Uint8Array,
  floor: number,
): Reply | undefined {
  if (!isReplyTo(bytes, nonce)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stratum = view.getUint8(1);
  if (stratum === 0) return { tag: 'rejected' };
  const isUnsynchronised = view.getUint8(0) >> 6 === UNSYNCHRONISED || stratum > MAX_STRATUM;
  const hasNoTime = view.getUint32(AT.transmit) === 0 || view.getUint32(AT.receive) === 0;
  if (isUnsynchronised || hasNoTime) return { tag: 'unusable' };
  return {
    tag: 'times',
    times: {
      received: timeAt(view, AT.receive, floor),
      sent: timeAt(view, AT.transmit, floor),
    },
  };
}
