import { checksum, encodeFrame, VNET_HEADER } from '../../src/core/wire/frame.ts';
import { encodeMessage } from '../../src/core/wire/message.ts';
import { TYPE } from '../../src/core/wire/options.ts';
import { ADDRESS, GRANT, MAC, message, SERVER, SERVER_MAC } from './fixtures.ts';

const IP = VNET_HEADER + 14;
const UDP = IP + 20;

/** An OFFER's frame whose IP packet goes on behind the UDP datagram, with valid checksums unless `corrupt`. */
export function paddedOffer(
  padding: number,
  { corrupt = false, udpLength }: { corrupt?: boolean; udpLength?: number } = {},
): Uint8Array {
  const frame = encodeFrame({
    sourceMac: SERVER_MAC,
    targetMac: MAC,
    source: SERVER,
    target: ADDRESS,
    payload: encodeMessage(message(TYPE.offer, GRANT)),
  });
  const padded = new Uint8Array(frame.length + padding).fill(0xa5);
  padded.set(frame);
  const view = new DataView(padded.buffer);
  // Swapped ports make a reply of it and leave the datagram's checksum as it is.
  view.setUint16(UDP, 67);
  view.setUint16(UDP + 2, 68);
  view.setUint16(IP + 2, view.getUint16(IP + 2) + padding);
  view.setUint16(IP + 10, 0);
  view.setUint16(IP + 10, checksum(padded.subarray(IP, UDP)));
  if (udpLength !== undefined) view.setUint16(UDP + 4, udpLength);
  if (corrupt) view.setUint8(UDP + 60, view.getUint8(UDP + 60) ^ 1);
  return padded;
}
