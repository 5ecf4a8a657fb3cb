import type { Logger } from '@kios/agent';
import type { Address, Link, Rtnetlink } from '@kios/netlink';
import { isErrno } from '@kios/syscall';

import { adopt, begin, step, wakeTime } from '../core/machine.ts';
import { OPTIONS } from '../core/options.ts';
import {
  isInUse,
  OURS,
  planLease,
  type PlanPolicy,
  planRemoval,
  type Present,
} from '../core/plan.ts';
import type { Effect, Event, Happening, Held, Policy, State } from '../core/states.ts';
import { bootTime } from './clock.ts';
import { DhcpSocket, isPassing } from './dhcp-socket.ts';
import { applyChanges, readPresent } from './kernel.ts';
import type { LeaseFiles } from './lease-files.ts';
import { Mailbox } from './mailbox.ts';
import { receiveReplies } from './receivers.ts';

const PUBLISH_RETRY_MS = 5000;

export interface ClientOptions {
  readonly policy: Policy;
  readonly plan: PlanPolicy;
  /** Keep UDP port 68 while a lease is held: a daemon does, a one-shot has no use for it. */
  readonly listen: boolean;
}

export interface ClientPorts {
  readonly rtnetlink: Rtnetlink;
  readonly files: LeaseFiles;
  readonly log: Logger;
}

/** The DHCP client of one link: tells the state machine what happens and carries out what it orders. */
export class Client {
  readonly #link: Link;
  readonly #options: ClientOptions;
  readonly #ports: ClientPorts;
  readonly #mailbox = new Mailbox<Happening>();
  readonly #bound = Promise.withResolvers<void>();
  #socket: DhcpSocket | undefined;
  #carrierAt: number | undefined;
  #degraded = false;
  #published: Held | undefined;

  constructor(link: Link, options: ClientOptions, ports: ClientPorts) {
    this.#link = link;
    this.#options = options;
    this.#ports = ports;
  }

  /** Settled once an address is configured. */
  get bound(): Promise<void> {
    return this.#bound.promise;
  }

  carrier(up: boolean): void {
    if (up) this.#carrierAt = bootTime();
    this.#mailbox.put({ tag: 'carrier', up });
  }

  /** Lives until the signal is raised. The address stays: only its expiry takes it away. */
  async run(signal: AbortSignal): Promise<void> {
    let state = await this.#takeOver();
    await this.#bringUp();
    using socket = new DhcpSocket(this.#link);
    this.#socket = socket;
    this.#receive(() => socket.receiveFrame(signal), signal);
    if (state.held !== undefined) this.#listen(state.held, signal);
    while (!signal.aborted) {
      const happening = await this.#next(state, signal);
      const [next, effects] = step(state, withEntropy(happening), this.#options.policy);
      state = next;
      for (const effect of effects) await this.#perform(effect, signal);
    }
  }

  /** Once: who takes the link down later means it. */
  async #bringUp(): Promise<void> {
    if (this.#link.up) return;
    await this.#ports.rtnetlink.changeLink(this.#link.index, { up: true });
    this.#ports.log.info({ ev: 'link.up', link: this.#link.name });
  }

  async #next(state: State, signal: AbortSignal): Promise<Happening> {
    const wakeAt = wakeTime(state);
    const timeout = wakeAt === undefined ? undefined : wakeAt - bootTime();
    return (await this.#mailbox.take(timeout, signal)) ?? { tag: 'timer' };
  }

  /** A lease of this boot whose address is in the kernel goes on as if nobody had died. */
  async #takeOver(): Promise<State> {
    const { files, rtnetlink, log } = this.#ports;
    const { name, mac, index } = this.#link;
    const held = await files.readRunning(name, mac);
    const present = await readPresent(rtnetlink, index);
    if (held === undefined || present === undefined || !isInUse(held, present, bootTime())) {
      // One that died between kernel and file left its address in the kernel only: that is the newer truth.
      return begin(this.#mine(present)?.address ?? (await files.readLast(name, mac)));
    }
    files.adopt(name, this.#metricOf(present), held);
    log.info({ ev: 'lease.adopted', link: name, address: held.lease.address });
    this.#bound.resolve();
    return adopt(held);
  }

  /** What another instance chose stays, or routes would come in pairs. */
  #metricOf(present: Present): number {
    return this.#mine(present)?.metric ?? this.#options.plan.metric;
  }

  /** The address on the link that carries our mark. */
  #mine(present: Present | undefined): Address | undefined {
    return present?.addresses.find(
      ({ ifindex, protocol }) => ifindex === this.#link.index && protocol === OURS,
    );
  }

  #receive(receive: Parameters<typeof receiveReplies>[0], signal: AbortSignal): void {
    const deliver = (reply: Extract<Happening, { tag: 'reply' }>['reply']): void =>
      this.#mailbox.put({ tag: 'reply', reply });
    const { identity } = this.#options.policy;
    receiveReplies(receive, identity, deliver, this.#ports.log, signal).catch((error: unknown) =>
      this.#mailbox.fail(error),
    );
  }

  async #perform(effect: Effect, signal: AbortSignal): Promise<void> {
    const { log } = this.#ports;
    const link = this.#link.name;
    switch (effect.tag) {
      case 'send':
        return this.#send(effect);
      case 'bind':
        return this.#bind(effect.held, effect.previous, signal);
      case 'unbind':
        return this.#unbind();
      case 'report':
        log[effect.level]({ ev: effect.ev, link, ...effect.fields });
    }
  }

  #send({ message, target }: Extract<Effect, { tag: 'send' }>): void {
    const { log } = this.#ports;
    const link = this.#link.name;
    try {
      this.#socket?.send(message, target);
      const type = message.options.get(OPTIONS.messageType);
      log.debug({ ev: 'tx', link, type, xid: message.xid.toString(16), target });
    } catch (err) {
      // The retransmission timer is set already: the next try may find the link up again.
      if (!isPassing(err)) throw err;
      log.warn({ ev: 'tx.fail', link, err });
    }
  }

  async #bind(held: Held, previous: Held | undefined, signal: AbortSignal): Promise<void> {
    const { rtnetlink, log } = this.#ports;
    const present = await readPresent(rtnetlink, this.#link.index);
    if (present === undefined) return;
    const metric = this.#metricOf(present);
    const changes = planLease(held.lease, present, { ...this.#options.plan, metric });
    await applyChanges(rtnetlink, changes, this.#link, log);
    this.#listen(held, signal);
    this.#report(held, previous);
    await this.#publish(held, metric, signal);
    this.#bound.resolve();
  }

  /** The node has its address: a disk that is full or read-only must not take that away, nor hold anything up. */
  async #publish(held: Held, metric: number, signal: AbortSignal): Promise<void> {
    const { files, log } = this.#ports;
    const { name: link, mac } = this.#link;
    this.#published = held;
    try {
      await files.publish(held, { link, mac, wall: new Date().toISOString() }, metric);
    } catch (err) {
      log.error({ ev: 'publish.fail', link, err });
      const again = setTimeout(() => {
        const current = this.#published === held && !signal.aborted;
        if (current) void this.#publish(held, metric, signal);
      }, PUBLISH_RETRY_MS);
      again.unref();
    }
  }

  async #unbind(): Promise<void> {
    const { rtnetlink, files, log } = this.#ports;
    const present = await readPresent(rtnetlink, this.#link.index);
    if (present !== undefined) {
      await applyChanges(rtnetlink, planRemoval(present), this.#link, log);
    }
    this.#published = undefined;
    await files.withdraw(this.#link.name);
  }

  #listen({ lease }: Held, signal: AbortSignal): void {
    if (!this.#options.listen || this.#socket === undefined) return;
    const socket = this.#socket;
    try {
      const channel = socket.listen(lease.address);
      if (channel === undefined) return;
      this.#receive(() => socket.receiveDatagram(channel, signal), signal);
    } catch (err) {
      if (!isErrno(err, 'EACCES', 'EADDRINUSE', 'EADDRNOTAVAIL')) throw err;
      // Renewal then goes out as a frame of our own; answers draw an ICMP error from the kernel, but arrive.
      if (!this.#degraded)
        this.#ports.log.warn({ ev: 'degrade', link: this.#link.name, step: 'udp', err });
      this.#degraded = true;
    }
  }

  #report({ lease, since }: Held, previous: Held | undefined): void {
    const { log } = this.#ports;
    const link = this.#link.name;
    const address = `${lease.address}/${lease.prefix}`;
    const fields = { link, address, server: lease.server, lease: lease.leaseSeconds };
    if (previous === undefined) {
      const times = {
        ms_since_start: Math.round(performance.now()),
        ms_since_carrier: this.#age(),
      };
      log.info({ ev: 'lease.bound', console: true, ...fields, gateways: lease.gateways, ...times });
    } else if (previous.lease.address === lease.address) {
      log.info({ ev: 'lease.renewed', ...fields, since });
    } else {
      log.warn({ ev: 'lease.changed', link, old: previous.lease.address, new: lease.address });
    }
  }

  #age(): number | undefined {
    return this.#carrierAt === undefined ? undefined : bootTime() - this.#carrierAt;
  }
}

function withEntropy(happening: Happening): Event {
  const [xid = 0, jitter = 0] = crypto.getRandomValues(new Uint32Array(2));
  return { ...happening, now: bootTime(), xid, jitter: jitter / 2 ** 32 };
}
