import { toHex } from '@kios/bytes';
import { type Address, ARPHRD_ETHER, type Link } from '@kios/netlink';
import { isErrno } from '@kios/syscall';

import type { Millis } from '../../core/client/timing.ts';
import { OURS } from '../../core/kernel/present.ts';
import { iaidOfMac } from '../../core/v6/client/identity.ts';
import { step6, wakeTime6 } from '../../core/v6/client/machine.ts';
import type { Effect6, Event6, Input6, Policy6, State6 } from '../../core/v6/client/model.ts';
import { adopt6, begin6 } from '../../core/v6/client/start.ts';
import type { Lease6 } from '../../core/v6/lease/lease.ts';
import { NO_CONFIG, type OtherConfig } from '../../core/v6/lease/other-config.ts';
import type { Message6 } from '../../core/v6/wire/message.ts';
import type { ClientPorts } from '../client/client-options.ts';
import { bootTime } from '../kernel/clock.ts';
import { isPassing } from '../sockets/dhcp-socket.ts';
import { Configurator6 } from './configurator6.ts';
import { NodeDuid } from './duid.ts';
import { LeaseFiles6 } from './lease-files6.ts';
import { isDuplicate } from './link-local.ts';
import type { Options6 } from './options6.ts';
import { Socket6 } from './socket6.ts';

/** The DHCPv6 client of one link: feeds the state machine and carries out its effects. */
export class Dhcp6 implements Disposable {
  readonly #link: Link;
  readonly #options: Options6;
  readonly #ports: ClientPorts;
  readonly #receive: (socket: Socket6) => void;
  readonly #configurator: Configurator6;
  readonly #files: LeaseFiles6;
  readonly #duid: NodeDuid;
  readonly #policy: Policy6;
  readonly #signal: AbortSignal;
  #state: State6;
  #socket: Socket6 | undefined;
  #linkLocal: string | undefined;

  /** Takes over the lease of an earlier instance. `receive` gets each socket that is opened. */
  static async open(
    link: Link,
    options: Options6,
    ports: ClientPorts,
    receive: (socket: Socket6) => void,
    signal: AbortSignal,
  ): Promise<Dhcp6> {
    const { rtnetlink, files, log } = ports;
    // A veth's or bridge's address may be another one at the next boot.
    const cards = (await rtnetlink.links()).filter(
      ({ kind, type }) => kind === undefined && type === ARPHRD_ETHER,
    );
    const known = cards.length > 0 ? cards : [link];
    const duid = NodeDuid.read(files.folders.state, options.hostFile, known, log);
    const client = new Dhcp6(link, options, ports, receive, duid, signal);
    if (options.dhcp6 !== 'off') await client.#takeOver();
    return client;
  }

  private constructor(
    link: Link,
    options: Options6,
    ports: ClientPorts,
    receive: (socket: Socket6) => void,
    duid: NodeDuid,
    signal: AbortSignal,
  ) {
    this.#link = link;
    this.#options = options;
    this.#ports = ports;
    this.#receive = receive;
    this.#signal = signal;
    this.#duid = duid;
    this.#configurator = new Configurator6(link, ports.rtnetlink);
    this.#files = new LeaseFiles6(link, ports.files, ports.log);
    const identity = { duid: duid.bytes, iaid: iaidOfMac(link.mac) };
    this.#policy = { identity, rapidCommit: options.rapidCommit };
    this.#state = begin6(undefined);
  }

  get identity(): Policy6['identity'] {
    return this.#policy.identity;
  }

  get wakeAt(): Millis {
    return wakeTime6(this.#state) ?? Infinity;
  }

  /** Returns whether the address is one of the lease. */
  holds({ address, protocol }: Address): boolean {
    const { lease } = this.#state.memory;
    const isLeased = lease?.addresses.some((each) => each.address === address) ?? false;
    return isLeased && protocol === OURS;
  }

  /** The link can be used from this address; undefined when it cannot. */
  async setLinkLocal(address: string | undefined): Promise<void> {
    if (address !== this.#linkLocal) this.#closeSocket();
    this.#linkLocal = address;
    await this.feed({ tag: 'carrier', up: address !== undefined });
  }

  async feed(input: Input6): Promise<void> {
    const [state, effects] = step6(this.#state, withEntropy(input), this.#policy);
    this.#state = state;
    for (const effect of effects) await this.#perform(effect);
  }

  /** The kernel reports an address of ours. It goes when another host has it, or when others remove it. */
  async onAddress(address: Address, gone: boolean): Promise<void> {
    if (!this.holds(address)) return;
    if (isDuplicate(address)) await this.feed({ tag: 'duplicate', address: address.address });
    else if (gone) await this.repair();
  }

  /** Restores what others removed from the kernel. */
  async repair(): Promise<void> {
    const { lease } = this.#state.memory;
    if (lease === undefined) return;
    const changes = await this.#configurator.apply(lease);
    if (changes > 0)
      this.#ports.log.warn({ ev: 'lease6.repaired', link: this.#link.name, changes });
  }

  [Symbol.dispose](): void {
    this.#closeSocket();
  }

  /** A lease whose addresses are all in the kernel simply goes on; any other is confirmed when the link can be used. */
  async #takeOver(): Promise<void> {
    const lease = await this.#files.read();
    if (lease === undefined) return;
    const present = await this.#configurator.look();
    const isInUse = lease.addresses.every(({ address }) =>
      present.some((each) => each.address === address && each.protocol === OURS),
    );
    this.#state = isInUse ? adopt6(lease) : begin6(lease);
    if (!isInUse) return;
    const addresses = lease.addresses.map(({ address }) => address);
    this.#ports.log.info({ ev: 'lease6.adopted', link: this.#link.name, addresses });
    await this.#publishResolver(lease.config);
  }

  async #perform(effect: Effect6): Promise<void> {
    switch (effect.tag) {
      case 'send':
        return this.#send(effect.message);
      case 'bind':
        await this.#configurator.apply(effect.lease);
        return this.#publish(effect.lease, effect.lease.config);
      case 'unbind':
        await this.#configurator.apply(undefined);
        await this.#files.withdraw();
        return this.#publishResolver(NO_CONFIG);
      case 'configure':
        return this.#publish(undefined, effect.config);
      case 'report': {
        const fields = { ev: effect.ev, link: this.#link.name, ...effect.fields };
        this.#ports.log[effect.level]({ ...fields, console: effect.ev === 'lease6.bound' });
      }
    }
  }

  async #publish(lease: Lease6 | undefined, config: OtherConfig): Promise<void> {
    await this.#publishResolver(config);
    await this.#files.publish(lease, config, this.#signal);
  }

  async #publishResolver({ dns, search }: OtherConfig): Promise<void> {
    const { metric } = this.#options;
    if (!this.#options.dns) return;
    const { files, log } = this.#ports;
    const link = this.#link.name;
    try {
      await files.publishOf('dhcp6', { link, metric, dns, search });
    } catch (err) {
      log.error({ ev: 'dns.fail', link, err });
    }
  }

  async #send(message: Message6): Promise<void> {
    const { log } = this.#ports;
    const link = this.#link.name;
    try {
      this.#openSocket()?.send(message);
      const { type, transactionId } = message;
      log.debug({ ev: 'tx6', link, type, xid: transactionId.toString(16) });
    } catch (err) {
      // The link is down or its address changes for now: the message is sent again anyway.
      if (!isPassing(err) && !isErrno(err, 'EADDRNOTAVAIL', 'EINVAL')) throw err;
      log.warn({ ev: 'tx.fail', link, err });
      return;
    }
    // Only a node that has used its DUID has one to keep.
    await this.#duid.keep();
  }

  /** Opens the port with the first message: most networks have no DHCPv6. */
  #openSocket(): Socket6 | undefined {
    if (this.#socket !== undefined || this.#linkLocal === undefined) return this.#socket;
    this.#socket = new Socket6(this.#link, this.#linkLocal);
    const duid = toHex(this.#duid.bytes);
    this.#ports.log.info({ ev: 'dhcp6.start', console: true, link: this.#link.name, duid });
    this.#receive(this.#socket);
    return this.#socket;
  }

  #closeSocket(): void {
    this.#socket?.[Symbol.dispose]();
    this.#socket = undefined;
  }
}

function withEntropy(input: Input6): Event6 {
  const [id = 0, random = 0] = crypto.getRandomValues(new Uint32Array(2));
  return { ...input, now: bootTime(), transactionId: id >>> 8, random: random / 2 ** 32 };
}
