import { parseIpv6 } from '@kios/bytes';
import type { Link } from '@kios/netlink';
import { type Channel, inet6Address, openUdp6 } from '@kios/syscall';

import { decodeMessage6, encodeMessage6, type Message6 } from '../../core/v6/wire/message.ts';

const PORT = { client: 546, server: 547 } as const;
/** All servers and relays of the link. RFC 8415 §7.1. */
const SERVERS = parseIpv6('ff02::1:2');

/** The one socket of a client: every message is a multicast from the link-local address, to which servers reply. */
export class Socket6 implements Disposable {
  readonly address: string;
  readonly #channel: Channel;
  readonly #servers: Uint8Array;

  constructor(link: Pick<Link, 'index' | 'name'>, address: string) {
    this.address = address;
    this.#servers = inet6Address(SERVERS, PORT.server, link.index);
    this.#channel = openUdp6({
      address: parseIpv6(address),
      ifindex: link.index,
      device: link.name,
      port: PORT.client,
    });
  }

  send(message: Message6): void {
    this.#channel.send(encodeMessage6(message), this.#servers);
  }

  /** A malformed message is a DecodeError and leaves the socket usable. */
  async receive(signal: AbortSignal): Promise<Message6> {
    return decodeMessage6(await this.#channel.receive(signal));
  }

  [Symbol.dispose](): void {
    this.#channel.close();
  }
}
