import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { type Logger, logWait, sleep } from '@kios/agent';
import { KiosError } from '@kios/errors';
import type { Link, Rtnetlink } from '@kios/netlink';
import { lock, type Lock, openBootTimer } from '@kios/syscall';

import { Mailbox } from '../client/mailbox.ts';
import { readClocks } from '../kernel/clock.ts';
import { Drops, receiveAll } from '../sockets/receivers.ts';
import { PodLeases } from './pod-leases.ts';
import { type Job, PodRequests, type RequestOptions } from './pod-requests.ts';
import { PodStore } from './pod-store.ts';
import { RequestServer } from './request-server.ts';
import { BridgeSegment } from './segment.ts';

const RESTART_MS = 1000;

export interface PodLanOptions extends RequestOptions {
  readonly stateDir: string;
  readonly bootId: string;
  readonly minLeaseSeconds: number;
}

export interface PodLanPorts {
  readonly rtnetlink: Rtnetlink;
  readonly log: Logger;
}

/** Gives pods addresses of the host's own segment, for the CNI plugin kios-lan. */
export class PodLan {
  readonly #options: PodLanOptions;
  readonly #ports: PodLanPorts;

  constructor(options: PodLanOptions, ports: PodLanPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Runs until the signal is raised. After a failure, such as a card that is gone, it begins anew from its files. */
  async run(signal: AbortSignal): Promise<void> {
    using _ = await this.#lock(signal);
    while (!signal.aborted) {
      try {
        await this.#serve(signal);
      } catch (err) {
        if (signal.aborted) return;
        this.#ports.log.error({ ev: 'pods.fail', err });
        await sleep(RESTART_MS, signal).catch(() => undefined);
      }
    }
  }

  /** Waits until an earlier instance has ended. A disk that is read-only or full must not cost pods their addresses. */
  async #lock(signal: AbortSignal): Promise<Lock | undefined> {
    const { stateDir } = this.#options;
    const { log } = this.#ports;
    const waiting = logWait(log, { link: this.#options.bridge });
    try {
      await mkdir(stateDir, { recursive: true });
      return await lock(path.join(stateDir, 'pods.lock'), { signal, waiting });
    } catch (err) {
      if (signal.aborted) throw err;
      log.warn({ ev: 'lock.fail', err });
      return undefined;
    }
  }

  async #serve(signal: AbortSignal): Promise<void> {
    const { log } = this.#ports;
    const { bridge, uplink, stateDir, bootId, minLeaseSeconds, lanDir } = this.#options;
    const link = await this.#find(bridge);
    const store = await PodStore.open(path.join(stateDir, 'pods'), log);
    const { index } = await this.#find(uplink);
    using segment = new BridgeSegment(link.index, index);
    using timer = openBootTimer();
    const leases = new PodLeases({
      segment,
      store,
      log,
      drops: new Drops(log, bridge, 'warn'),
      bootId,
      minLeaseSeconds,
      hostMac: link.mac,
      clocks: readClocks,
      entropy,
      connect: (port, on) => this.#connect(port, on),
    });
    const jobs = new Mailbox<Job>();
    const ended = new AbortController();
    const until = AbortSignal.any([signal, ended.signal]);
    const follow = (work: () => Promise<void>): void => {
      receiveAll(work, new Drops(log, bridge, 'info'), until).catch((error: unknown) =>
        jobs.fail(error),
      );
    };
    await leases.resume();
    this.#followUplink(index, leases, jobs, until);
    await this.#reconnect(link, leases.ports);
    const requests = new PodRequests(this.#options, this.#ports, leases, (job) => jobs.put(job));
    const server = await RequestServer.open(path.join(lanDir, 'dhcp.sock'), (request, gone) =>
      requests.answer(request, gone),
    );
    try {
      await requests.readNotes();
      follow(async () => {
        const heard = await segment.receive(until);
        jobs.offer(() => leases.onHeard(heard));
      });
      follow(async () => {
        await timer.fired(until);
        jobs.put(() => leases.onTimer());
      });
      log.info({ ev: 'pods.serve', console: true, link: bridge, uplink });
      while (!signal.aborted) {
        timer.set(leases.wakeTime);
        const job = await jobs.take(signal);
        await job?.();
      }
    } finally {
      ended.abort();
      server.close();
      log.info({ ev: 'pods.end', link: bridge });
    }
  }

  /** Tells the leases of the uplink's carrier, now and whenever it may have changed. */
  #followUplink(index: number, leases: PodLeases, jobs: Mailbox<Job>, until: AbortSignal): void {
    const { rtnetlink } = this.#ports;
    const look = async (): Promise<void> => {
      const uplink = (await rtnetlink.links()).find((each) => each.index === index);
      await leases.carrier(uplink?.up === true && uplink.carrier);
    };
    const follow = async (): Promise<void> => {
      // Before the first look, so that no change is missed.
      const events = rtnetlink.events(until, ['link']);
      jobs.put(look);
      for await (const event of events)
        if (event.tag !== 'link' || event.link.index === index) jobs.put(look);
    };
    follow().catch((error: unknown) => until.aborted || jobs.fail(error));
  }

  /** Puts pods on a bridge that was made anew. */
  async #reconnect(bridge: Link, ports: ReadonlySet<string>): Promise<void> {
    const { rtnetlink, log } = this.#ports;
    for (const { name, index, master } of await rtnetlink.links()) {
      if (!ports.has(name) || master !== undefined) continue;
      await rtnetlink.changeLink(index, { master: bridge.index });
      log.info({ ev: 'pod.port', link: name, master: bridge.name });
    }
  }

  async #find(name: string): Promise<Link> {
    const link = (await this.#ports.rtnetlink.links()).find((each) => each.name === name);
    if (link !== undefined) return link;
    throw new KiosError('KIOS_DHCP_LAN_LINK', `serve pods on ${name}: there is no such link`);
  }

  async #connect(port: string, on: boolean): Promise<void> {
    const link = (await this.#ports.rtnetlink.links()).find(({ name }) => name === port);
    if (link === undefined || link.up === on) return;
    await this.#ports.rtnetlink.changeLink(link.index, { up: on });
    this.#ports.log.warn({ ev: 'pod.port', link: port, connected: on });
  }
}

function entropy(): { xid: number; jitter: number } {
  const [xid = 0, jitter = 0] = crypto.getRandomValues(new Uint32Array(2));
  return { xid, jitter: jitter / 2 ** 32 };
}
