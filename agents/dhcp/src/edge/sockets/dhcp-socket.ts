import { parseIpv4 } from '@kios/bytes';
import {
  type Channel,
  inetAddress,
  isErrno,
  openPacket,
  openUdp,
  replaceFilter,
} from '@kios/syscall';

import type { Incoming } from '../../core/client/replies.ts';
import { clientFilter } from '../../core/wire/filter.ts';
import {
  BROADCAST_MAC,
  decodeFrame,
  encodeFrame,
  PORT,
  VNET_HEADER,
} from '../../core/wire/frame.ts';
import { decodeMessage, type DhcpMessage, encodeMessage } from '../../core/wire/message.ts';

const ETHERTYPE_IPV4 = 0x0800;
const EVERYBODY = '255.255.255.255';

/**
 * Both ways a client sends: frames while it has no address, UDP once it has one. The UDP socket stays bound while the
 * address is held, or the kernel would reject each unicast ACK with "port unreachable".
 */
export class DhcpSocket implements Disposable {
  readonly #mac: string;
  readonly #device: string;
  readonly #frames: Channel;
  /** Of the last message: only its replies are received as frames. */
  #xid = 0;
  #datagrams: Channel | undefined;
  #address: string | undefined;

  readonly #seen: (frame: Uint8Array) => void;

  /** `seen` gets every frame in both directions, and sent datagrams as the frames they travel in. */
  constructor(
    link: { readonly index: number; readonly name: string; readonly mac: string },
    seen: (frame: Uint8Array) => void = () => undefined,
  ) {
    this.#seen = seen;
    this.#mac = link.mac;
    this.#device = link.name;
    this.#frames = openPacket({
      ifindex: link.index,
      protocol: ETHERTYPE_IPV4,
      filter: clientFilter(link.mac, this.#xid),
      vnetHeader: true,
    });
  }

  /** Sends to one server, or broadcasts. `nextHop` is the hardware address on the way to the server, for a frame. */
  send(message: DhcpMessage, target: string | undefined, nextHop = BROADCAST_MAC): void {
    this.#expect(message.xid);
    const payload = encodeMessage(message);
    const frame = encodeFrame({
      sourceMac: this.#mac,
      targetMac: target === undefined ? BROADCAST_MAC : nextHop,
      source: message.ciaddr,
      target: target ?? EVERYBODY,
      payload,
    });
    this.#seen(frame.subarray(VNET_HEADER));
    if (target === undefined || this.#datagrams === undefined) this.#frames.send(frame);
    else this.#datagrams.send(payload, inetAddress(parseIpv4(target), PORT.server));
  }

  #expect(xid: number): void {
    if (xid === this.#xid) return;
    replaceFilter(this.#frames, clientFilter(this.#mac, xid));
    this.#xid = xid;
  }

  /** Opens UDP port 68 on the address. The earlier socket is closed once the new one is open. */
  listen(address: string): Channel | undefined {
    if (address === this.#address) return undefined;
    const before = this.#datagrams;
    this.#datagrams = openUdp({
      address: parseIpv4(address),
      port: PORT.client,
      device: this.#device,
    });
    this.#address = address;
    before?.close();
    return this.#datagrams;
  }

  /** Receives the next message in a frame. A malformed frame is a DecodeError and leaves the socket usable. */
  async receiveFrame(signal: AbortSignal): Promise<Incoming> {
    const frame = await this.#frames.receive(signal);
    this.#seen(frame.subarray(VNET_HEADER));
    const { source, sourceMac, payload } = decodeFrame(frame);
    return { message: decodeMessage(payload), source, sourceMac };
  }

  /** Receives the next message on a channel of `listen`. Mostly it arrives in a frame too, and is traced there. */
  async receiveDatagram(channel: Channel, signal: AbortSignal): Promise<Incoming> {
    const message = decodeMessage(await channel.receive(signal));
    return { message, source: '0.0.0.0', sourceMac: undefined };
  }

  [Symbol.dispose](): void {
    this.#frames.close();
    this.#datagrams?.close();
  }
}

/** Returns whether the error comes from a link that is down for now, and passes. */
export const isPassing = (error: unknown): boolean =>
  isErrno(error, 'ENETDOWN', 'ENETUNREACH', 'EHOSTUNREACH', 'ENOBUFS', 'ECONNREFUSED');
