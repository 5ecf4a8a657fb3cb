import { DecodeError } from '@kios/bytes';
import type { Link } from '@kios/netlink';
import { isErrno, openBootTimer } from '@kios/syscall';

import { step, wakeTime } from '../../core/client/machine.ts';
import {
  type BoundLease,
  type Effect,
  type Event,
  type Input,
  type Policy,
  RX_DROP,
  type State,
} from '../../core/client/model.ts';
import { heededNeighbours } from '../../core/client/neighbours.ts';
import type { Remembered } from '../../core/client/record.ts';
import { acceptReply, type Incoming } from '../../core/client/replies.ts';
import { adopt, begin, resumeKept } from '../../core/client/start.ts';
import { isInUse, isPresent } from '../../core/kernel/plan.ts';
import { isLeased, type Present } from '../../core/kernel/present.ts';
import type { ArpPacket } from '../../core/wire/arp.ts';
import { OPTIONS } from '../../core/wire/options.ts';
import { readPresent } from '../kernel/apply.ts';
import { bootTime } from '../kernel/clock.ts';
import { Configurator } from '../kernel/configurator.ts';
import { Trace } from '../report/trace.ts';
import { ArpSocket } from '../sockets/arp-socket.ts';
import { attemptSend } from '../sockets/attempt-send.ts';
import { DhcpSocket } from '../sockets/dhcp-socket.ts';
import { Drops, receiveAll } from '../sockets/receivers.ts';
import type { ClientOptions, ClientPorts } from './client-options.ts';
import { Mailbox } from './mailbox.ts';
import type { OwnLinks } from './own-links.ts';

/** The DHCP client of one link: feeds the state machine and carries out its effects. */
export class Client {
  readonly #link: Link;
  readonly #options: ClientOptions;
  readonly #ports: ClientPorts;
  readonly #ownLinks: OwnLinks;
  readonly #mailbox = new Mailbox<Input>();
  readonly #bound = Promise.withResolvers<void>();
  readonly #configurator: Configurator;
  /** Malformed messages, and replies that grant nothing usable. */
  readonly #drops: Readonly<Record<'malformed' | 'unusable', Drops>>;
  #policy: Policy;
  #socket: DhcpSocket | undefined;
  #arp: ArpSocket | undefined;
  #degraded = false;

  constructor(link: Link, options: ClientOptions, ports: ClientPorts, ownLinks: OwnLinks) {
    this.#link = link;
    this.#options = options;
    this.#policy = options.policy;
    this.#ports = ports;
    this.#ownLinks = ownLinks;
    this.#configurator = new Configurator(link, options, ports);
    this.#drops = {
      malformed: new Drops(ports.log, link.name, 'info'),
      unusable: new Drops(ports.log, link.name, 'warn'),
    };
  }

  /** Resolves once an address is configured, or once the network asks for none. */
  get bound(): Promise<void> {
    return this.#bound.promise;
  }

  /** Reports the carrier. `enabled`: the link is administratively up. */
  carrier(up: boolean, enabled: boolean): void {
    this.#configurator.carrier(up, enabled);
    this.#mailbox.put({ tag: 'carrier', up });
  }

  /** Reports that others may have removed an address or route of ours. */
  disturbed(): void {
    this.#mailbox.put({ tag: 'disturbed' });
  }

  /** Runs until the signal is raised. The address stays: only its expiry removes it. */
  async run(signal: AbortSignal): Promise<void> {
    let state = await this.#takeOver(signal);
    await this.#bringUp();
    const trace = new Trace(this.#ports.files.folders.run, this.#link.name);
    using socket = new DhcpSocket(this.#link, (frame) => trace.add(frame));
    using timer = openBootTimer();
    this.#socket = socket;
    this.#follow(async () => this.#onMessage(await socket.receiveFrame(signal)), signal);
    this.#follow(async () => {
      await timer.fired(signal);
      this.#mailbox.put({ tag: 'timer' });
    }, signal);
    if (state.memory.held !== undefined) this.#listen(state.memory.held, signal);
    try {
      while (!signal.aborted) {
        timer.set(wakeTime(state));
        const input = await this.#mailbox.take(signal);
        if (input === undefined) break;
        if (input.tag === 'timer') this.#rename();
        const surroundings = this.#ownLinks.around(this.#link.name);
        const policy = { ...this.#policy, surroundings };
        const [next, effects] = step(state, withEntropy(input), policy);
        state = next;
        for (const effect of effects) await this.#perform(effect, state, signal);
        this.#attend(state, signal);
      }
    } finally {
      this.#arp?.[Symbol.dispose]();
      this.#ownLinks.release(this.#link.name);
      trace.flush();
    }
  }

  /** Takes the host's present name before a message that may be due. */
  #rename(): void {
    const { identity } = this.#policy;
    this.#policy = { ...this.#policy, identity: { ...identity, ...this.#options.readName() } };
  }

  /** Brings the link up once: a later change to down is intended. */
  async #bringUp(): Promise<void> {
    if (this.#link.up) return;
    await this.#ports.rtnetlink.changeLink(this.#link.index, { up: true });
    this.#ports.log.info({ ev: 'link.up', link: this.#link.name });
  }

  /** Returns the first state. A lease of this boot whose address is in the kernel simply goes on. */
  async #takeOver(signal: AbortSignal): Promise<State> {
    const { files, rtnetlink, log } = this.#ports;
    const { name, mac, index } = this.#link;
    const running = await files.readRunning(name, mac);
    const present = await readPresent(rtnetlink, index);
    if (running === undefined || present === undefined || !isPresent(running.held, present)) {
      return this.#start(present, running ?? (await files.readLast(name, mac)));
    }
    const { held, network, checked } = running;
    const { policy } = this.#options;
    const now = bootTime();
    const runs = isInUse(held, present, now);
    if (!runs && policy.onExpire === 'drop') return this.#start(present, running);
    this.#ownLinks.claim(held.lease.address, name);
    await this.#configurator.adopt(running, present, signal);
    log.info({ ev: 'lease.adopted', link: name, address: held.lease.address, expired: !runs });
    this.#bound.resolve();
    return runs ? adopt(held, network, checked, policy) : resumeKept(held, network, now, policy);
  }

  async #start(present: Present | undefined, last: Remembered | undefined): Promise<State> {
    if (present !== undefined) await this.#configurator.linkLocal(present);
    if (last !== undefined) this.#configurator.remember(last);
    // An instance killed between kernel and file left its address in the kernel alone, which is then the newer one.
    const mine = present?.addresses.find(
      (each) => each.ifindex === this.#link.index && isLeased(each),
    );
    const hint = mine?.address ?? this.#options.plan.takenOver ?? last?.held.lease.address;
    return begin(hint, last?.network);
  }

  #follow(receive: () => Promise<void>, signal: AbortSignal): void {
    receiveAll(receive, this.#drops.malformed, signal).catch((error: unknown) =>
      this.#mailbox.fail(error),
    );
  }

  #onMessage(incoming: Incoming): void {
    const { identity } = this.#options.policy;
    try {
      const reply = acceptReply(identity, incoming);
      const { kind, source } = reply;
      this.#ports.log.debug({ ev: 'rx', link: this.#link.name, type: kind, from: source });
      this.#offer({ tag: 'reply', reply });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      // On a busy network most messages are for other clients.
      this.#ports.log.debug({ ev: 'rx.drop', link: this.#link.name, why: error.message });
    }
  }

  #offer(input: Input): void {
    if (!this.#mailbox.offer(input)) this.#drops.malformed.add({ why: 'too many at once' });
  }

  async #perform(effect: Effect, state: State, signal: AbortSignal): Promise<void> {
    const configurator = this.#configurator;
    switch (effect.tag) {
      case 'send':
        return this.#send(effect, state);
      case 'arp':
        return this.#sendArp(effect.packet, state, signal);
      case 'bind':
        this.#ownLinks.claim(effect.held.lease.address, this.#link.name);
        await configurator.bind(effect.held, effect.previous);
        this.#listen(effect.held, signal);
        await configurator.publish(effect.held, state, signal);
        return this.#bound.resolve();
      case 'unbind':
        await configurator.unbind();
        return this.#ownLinks.release(this.#link.name);
      case 'repair':
        return configurator.repair(effect.held);
      case 'remember':
        return configurator.publish(effect.held, state, signal);
      case 'stand-down':
        return this.#bound.resolve();
      case 'report':
        return this.#report(effect);
    }
  }

  #report({ level, ev, fields }: Extract<Effect, { tag: 'report' }>): void {
    if (ev === RX_DROP) this.#drops.unusable.add(fields);
    else this.#ports.log[level]({ ev, link: this.#link.name, ...fields });
  }

  #send({ message, target }: Extract<Effect, { tag: 'send' }>, { memory }: State): void {
    const { log } = this.#ports;
    const link = this.#link.name;
    const send = (): void => this.#socket?.send(message, target, memory.network.serverMac);
    attemptSend(send, log, { link });
    const type = message.options.get(OPTIONS.messageType);
    log.debug({ ev: 'tx', link, type, xid: message.xid.toString(16), target });
  }

  #sendArp(packet: ArpPacket, state: State, signal: AbortSignal): void {
    this.#attend(state, signal);
    const send = (): void => this.#arp?.send(packet);
    attemptSend(send, this.#ports.log, { link: this.#link.name });
  }

  /** Listens for other hosts that claim our address, or the one that is offered. */
  #attend(state: State, signal: AbortSignal): void {
    const { watch } = state.memory;
    const neighbours = heededNeighbours(state);
    if (this.#arp?.serves(watch?.address, neighbours) ?? watch === undefined) return;
    this.#arp?.[Symbol.dispose]();
    this.#arp = undefined;
    if (watch === undefined) return;
    const socket = new ArpSocket(this.#link.index, watch.address, neighbours);
    this.#arp = socket;
    this.#follow(async () => {
      this.#offer({ tag: 'arp', packet: await socket.receive(signal) });
    }, signal);
  }

  #listen({ lease }: BoundLease, signal: AbortSignal): void {
    if (!this.#options.listen || this.#socket === undefined) return;
    const socket = this.#socket;
    try {
      const channel = socket.listen(lease.address);
      if (channel === undefined) return;
      this.#follow(
        async () => this.#onMessage(await socket.receiveDatagram(channel, signal)),
        signal,
      );
    } catch (err) {
      if (!isErrno(err, 'EACCES', 'EPERM', 'EADDRINUSE', 'EADDRNOTAVAIL')) throw err;
      // Renewals then go out as frames. The kernel rejects their replies with ICMP, but they arrive.
      if (!this.#degraded)
        this.#ports.log.warn({ ev: 'degrade', link: this.#link.name, step: 'udp', err });
      this.#degraded = true;
    }
  }
}

function withEntropy(input: Input): Event {
  const [xid = 0, jitter = 0] = crypto.getRandomValues(new Uint32Array(2));
  return { ...input, now: bootTime(), xid, jitter: jitter / 2 ** 32 };
}
