import { toHex } from '@kios/bytes';
import { type Address, ARPHRD_ETHER, type Link } from '@kios/netlink';
import { isErrno } from '@kios/syscall';

import type { Millis } from '../../core/client/timing.ts';
import { OURS } from '../../core/kernel/present.ts';
import { fqdnOf } from '../../core/network/client6-settings.ts';
import { iaidOfMac } from '../../core/v6/client/identity.ts';
import { step6, wakeTime6 } from '../../core/v6/client/machine.ts';
import type { Effect6, Event6, Input6, Policy6, State6 } from '../../core/v6/client/model.ts';
import { adopt6, begin6 } from '../../core/v6/client/start.ts';
import type { Lease6 } from '../../core/v6/lease/lease.ts';
import { NO_CONFIG, type OtherConfig } from '../../core/v6/lease/other-config.ts';
import type { Message6 } from '../../core/v6/wire/message.ts';
import type { ClientPorts } from '../client/client-options.ts';
import { bootTime } from '../kernel/clock.ts';
import { attemptSend } from '../sockets/attempt-send.ts';
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
  #policy: Policy6;
  readonly #signal: AbortSignal;
  #state: State6;
  #socket: Socket6 | undefined;
  #linkLocal: string | undefined;
  #degraded = false;

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
    const links = await rtnetlink.links();
    const cards = links.filter(({ kind, type }) => kind === undefined && type === ARPHRD_ETHER);
    const known = cards.length > 0 ? cards : [link];
    const duid = NodeDuid.read(files.folders.state, options.hostFile, known, log);
    const client = new Dhcp6(link, options, ports, receive, duid, signal);
    const others = links.filter(({ name, mac }) => name !== link.name && mac === link.mac);
    if (options.dhcp6 !== 'off') await client.#takeOver(others.map(({ name }) => name));
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
    this.#files = new LeaseFiles6(link, ports.files, ports.log, options.useNtp);
    const identity = { duid: duid.bytes, iaid: iaidOfMac(link.mac), ...options.identity };
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
    if (input.tag === 'timer') this.#rename();
    const isLeft = input.tag === 'mode' && input.mode === 'off' && this.#isInformed();
    const [state, effects] = step6(this.#state, withEntropy(input), this.#policy);
    this.#state = state;
    for (const effect of effects) await this.#perform(effect);
    if (isLeft) await this.#withdraw();
  }

  /** The kernel reports an address of ours. It goes when another host has it, or when others remove it. */
  async onAddress(address: Address, gone: boolean): Promise<void> {
    if (!this.holds(address)) return;
    if (isDuplicate(address)) await this.feed({ tag: 'duplicate', address: address.address });
    else if (gone) await this.repair();
  }

  /** Gives the lease back. */
  async release(): Promise<void> {
    const { lease } = this.#state.memory;
    if (lease === undefined) return;
    await this.feed({ tag: 'release' });
    const addresses = lease.addresses.map(({ address }) => address);
    this.#ports.log.info({ ev: 'release6', console: true, link: this.#link.name, addresses });
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
  async #takeOver(others: readonly string[]): Promise<void> {
    const lease = await this.#files.read(others);
    if (lease === undefined) return;
    const present = await this.#configurator.look();
    const isInUse = lease.addresses.every(({ address }) =>
      present.some((each) => each.address === address && each.protocol === OURS),
    );
    this.#state = isInUse ? adopt6(lease) : begin6(lease);
    if (!isInUse) return;
    const addresses = lease.addresses.map(({ address }) => address);
    this.#ports.log.info({ ev: 'lease6.adopted', link: this.#link.name, addresses });
    await this.#files.tell();
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
        return this.#withdraw();
      case 'configure':
        return this.#publish(undefined, effect.config);
      case 'report': {
        const fields = { ev: effect.ev, link: this.#link.name, ...effect.fields };
        this.#ports.log[effect.level]({ ...fields, console: effect.ev === 'lease6.bound' });
      }
    }
  }

  /** Takes the host's present name before a message that may be due. */
  #rename(): void {
    const { sendHostname, readName, identity } = this.#options;
    const name = sendHostname && identity.fqdn === undefined ? readName() : undefined;
    if (name === undefined) return;
    this.#policy = {
      ...this.#policy,
      identity: { ...this.#policy.identity, fqdn: fqdnOf(name) },
    };
  }

  /** Configuration without a lease counts only while routers tell of its server. */
  #isInformed(): boolean {
    const { lease, mode } = this.#state.memory;
    return lease === undefined && mode !== 'off';
  }

  async #withdraw(): Promise<void> {
    await this.#files.withdraw();
    await this.#publishResolver(NO_CONFIG);
  }

  async #publish(lease: Lease6 | undefined, config: OtherConfig): Promise<void> {
    await this.#files.publish(lease, config, this.#signal);
    await this.#publishResolver(config);
  }

  async #publishResolver({ dns, search: all }: OtherConfig): Promise<void> {
    const { fromServer, serverMetric } = this.#options;
    const metric = serverMetric ?? this.#options.metric;
    const { files, log } = this.#ports;
    const link = this.#link.name;
    const search = fromServer.domains ? all : [];
    try {
      if (fromServer.dns) await files.publishOf('dhcp6', { link, metric, dns, search });
      else await files.leaveOut(link, 'dhcp6', dns);
    } catch (err) {
      log.error({ ev: 'dns.fail', link, err });
    }
  }

  async #send(message: Message6): Promise<void> {
    const { log } = this.#ports;
    const link = this.#link.name;
    const send = (): void => this.#openSocket()?.send(message);
    if (!attemptSend(send, log, { link }) || this.#socket === undefined) return;
    const { type, transactionId } = message;
    log.debug({ ev: 'tx6', link, type, xid: transactionId.toString(16) });
    // Only a node that has used its DUID has one to keep.
    await this.#duid.keep();
  }

  /** Opens the port with the first message: most networks have no DHCPv6. */
  #openSocket(): Socket6 | undefined {
    if (this.#socket !== undefined || this.#linkLocal === undefined) return this.#socket;
    const { log } = this.#ports;
    try {
      this.#socket = new Socket6(this.#link, this.#linkLocal);
    } catch (err) {
      if (!isErrno(err, 'EACCES', 'EADDRINUSE')) throw err;
      // Name servers of routers need no port.
      if (!this.#degraded) log.warn({ ev: 'degrade', link: this.#link.name, step: 'udp6', err });
      this.#degraded = true;
      return undefined;
    }
    const duid = toHex(this.#duid.bytes);
    log.info({ ev: 'dhcp6.start', console: true, link: this.#link.name, duid });
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
