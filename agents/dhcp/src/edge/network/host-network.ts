import { createHash } from 'node:crypto';

import { DirectoryWatch, type Logger, retryDelay } from '@kios/agent';
import type { Rtnetlink } from '@kios/netlink';
import { openRules, type Rules } from '@kios/netlink/rules';
import { openVirtualLinks, type VirtualLinks } from '@kios/netlink/virtual-links';
import type { NetworkConfig } from '@kios/network-config';
import { accept, type FileText, judge, type Judgement } from '@kios/network-config/trial';

import type { Millis } from '../../core/client/timing.ts';
import { Pace } from '../../core/network/pace.ts';
import { findLinks } from '../../core/network/plan-links.ts';
import { podsOf, type ServedPods } from '../../core/network/pods.ts';
import {
  type FileRole,
  hasIpv4,
  isWaitedFor,
  type Placed,
  placeLinks,
  rolesOf,
} from '../../core/network/roles.ts';
import type { Configured } from '../../core/network/static/model.ts';
import { bootTime } from '../kernel/clock.ts';
import type { LeaseFiles } from '../lease/lease-files.ts';
import { Alarm } from './alarm.ts';
import { type AppliedLinks, applyLinks } from './apply-links.ts';
import { type AppliedStatic, StaticNetwork } from './apply-static.ts';
import { FixedPublisher } from './fixed-publisher.ts';
import { FormerSettings } from './former-settings.ts';
import { JudgementFile } from './judgement-file.ts';
import { networkFolders, NetworkReader, readNetworkText } from './network-file.ts';
import { type NetworkStatus, writeNetworkStatus } from './network-status.ts';
import { type ClusterFolders, reachCluster } from './reach-cluster.ts';
import type { ReadNetwork } from './read-network.ts';

/** A change in the kernel or a folder mostly comes with others. */
const SETTLE_MS = 50;
/** Looks at the kernel may follow each other closely, as while links come up; in the long run there is one a second. */
const LOOKS = { most: 10, everyMs: 1000 } as const;
/** Pause between two tries to reach the cluster with a file on trial. */
const PROBE_MS = 3000;
const RETRY = { firstMs: 1000, maxMs: 60_000 } as const;
const IDLE_MS = 24 * 3600 * 1000;

export interface HostNetworkOptions {
  /** Where the file may be; the first that exists counts. */
  readonly files: readonly string[];
  readonly stateDir: string;
  readonly folders: ClusterFolders;
  readonly bootId: string;
  /** How long the cluster may stay out of reach with a changed file. */
  readonly trialMs: Millis;
  /** The kernel's settings of IPv6, a folder for each link. */
  readonly sysctls: string;
  /** What stable addresses of IPv6 are made with, in the form of one; undefined without facts of the machine. */
  readonly secret: string | undefined;
  readonly read: ReadNetwork;
  /** The agent has run without a file so far, so that one is a change. */
  readonly isChange: boolean;
}

export interface HostNetworkPorts {
  readonly rtnetlink: Rtnetlink;
  readonly files: LeaseFiles;
  readonly log: Logger;
}

/** What comes out of a file for DHCP. */
export interface Assignment {
  /** By index; undefined: there is no file, and every card is served. */
  readonly roles: ReadonlyMap<number, FileRole> | undefined;
  /** A link with a carrier, and one with a fixed address, that the boot waits for. */
  readonly carrier: string | undefined;
  readonly bound: string | undefined;
  readonly pods: ServedPods | undefined;
}

const NOTHING_SAID: NetworkStatus = {
  v: 1,
  outcome: 'good',
  faults: [],
  waiting: [],
  obstacles: [],
};

const digestOf = (text: FileText): string =>
  createHash('sha256')
    .update(text ?? '')
    .digest('hex');

type News = 'kernel' | 'file';

interface Kernel {
  readonly links: VirtualLinks;
  readonly fixed: StaticNetwork;
}

const configuredOf = ({ settings, link, metric }: Placed): Configured => ({
  settings,
  ifindex: link.index,
  metric,
});

/** Keeps the host's network as the network file says, and returns to the last good file when the cluster is lost. */
export class HostNetwork {
  readonly #options: HostNetworkOptions;
  readonly #ports: HostNetworkPorts;
  readonly #store: JudgementFile;
  readonly #reader: NetworkReader;
  readonly #publisher: FixedPublisher;
  readonly #alarm = new Alarm<News>();
  readonly #pace = new Pace(LOOKS);
  #judgement: Judgement | undefined;
  /** The file that is there, if it can be read, and the one that is carried out. */
  #present: FileText;
  #inForce: FileText;
  /** Every card uses DHCP: there is no file, or none without faults. */
  #isAuto = true;
  #config: NetworkConfig | undefined;
  #failures = 0;
  /** When the cluster is tried for the first time: what is no longer in force takes a moment to go. */
  #probeFrom: Millis = 0;
  #status: NetworkStatus = NOTHING_SAID;

  constructor(options: HostNetworkOptions, ports: HostNetworkPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#store = new JudgementFile(options.stateDir, ports.log);
    this.#reader = new NetworkReader(options.read, ports.log);
    this.#publisher = new FixedPublisher(ports.files, ports.log);
  }

  /** Runs until the signal is raised. `assign` is called whenever the links may be served differently. */
  async run(assign: (assignment: Assignment) => Promise<void>, signal: AbortSignal): Promise<void> {
    using links = openVirtualLinks();
    using rules = openRules();
    const { rtnetlink, log } = this.#ports;
    const { sysctls: conf, secret, folders, bootId } = this.#options;
    const former = new FormerSettings(folders.run, bootId, log);
    const kernel = {
      links,
      fixed: new StaticNetwork({ rtnetlink, rules, links, log, conf, secret, former }),
    };
    this.#followFiles(signal);
    this.#followKernel(rules, signal);
    this.#judgement = (await this.#store.read()) ?? this.#without();
    await this.#readFile();
    while (!signal.aborted) {
      const pause = await this.#carryOut(kernel, assign);
      const nextAt = bootTime() + this.#pace.next(bootTime());
      const settle = (): number => Math.max(SETTLE_MS, nextAt - bootTime());
      const news = await this.#alarm.wait(pause, settle, signal);
      if (news.has('kernel')) this.#failures = 0;
      if (news.has('file')) await this.#readFile();
      if (this.#judgement?.trial !== undefined) await this.#probe(signal);
    }
  }

  #without(): Judgement | undefined {
    return this.#options.isChange ? { good: undefined } : undefined;
  }

  #followFiles(signal: AbortSignal): void {
    const folders = networkFolders(this.#options.files);
    const follow = async (): Promise<void> => {
      using watch = new DirectoryWatch(folders);
      for (;;) {
        await watch.wait(undefined, signal);
        this.#alarm.raise('file');
      }
    };
    // It ends with the signal.
    follow().catch(() => undefined);
  }

  #followKernel(rules: Rules, signal: AbortSignal): void {
    const { rtnetlink } = this.#ports;
    const follow = async (events: AsyncIterable<unknown>): Promise<void> => {
      for await (const _ of events) this.#alarm.raise('kernel');
    };
    const kinds = ['link', 'address', 'route', 'address6', 'route6'] as const;
    for (const events of [rtnetlink.events(signal, kinds), rules.changes(signal)])
      follow(events).catch(() => this.#alarm.raise('kernel'));
  }

  /** Reads the file and judges it. One with faults changes nothing; at the start the last good one counts. */
  async #readFile(): Promise<void> {
    const found = await readNetworkText(this.#options.files);
    const faults = found === undefined ? [] : await this.#reader.faultsOf(found);
    this.#say({ file: found?.file, faults });
    if (faults.length > 0) {
      this.#say({ outcome: 'fault' });
      if (this.#config === undefined) await this.#adopt(this.#judgement?.good, 'fault');
      return;
    }
    this.#present = found && 'text' in found ? found.text : undefined;
    await this.#judge();
  }

  async #judge(): Promise<void> {
    const { bootId, trialMs } = this.#options;
    const text = this.#present;
    const found = { text, digest: digestOf(text), bootId, now: bootTime(), limit: trialMs };
    const { inForce, judgement, outcome } = judge(this.#judgement, found);
    const isNew = this.#judgement?.trial?.digest !== judgement.trial?.digest;
    this.#judgement = judgement;
    await this.#store.write(judgement);
    if (outcome === 'taken-back') this.#sayTakenBack();
    if (inForce !== this.#inForce || isNew || this.#config === undefined)
      await this.#adopt(inForce, outcome);
  }

  #sayTakenBack(): void {
    this.#ports.log.error({
      ev: 'network.taken-back',
      code: 'KIOS_DHCP_NETWORK_LOST',
      seconds: this.#options.trialMs / 1000,
      why: 'the API server was not reached with it',
      remedy: 'Correct the network file: it is tried again once it has changed.',
    });
  }

  async #adopt(text: FileText, outcome: string): Promise<void> {
    const { log } = this.#ports;
    const reading = text === undefined ? undefined : await this.#reader.read(text, 'network.json');
    const config = reading?.ok === true ? reading.config : undefined;
    this.#inForce = text;
    // A version of before may have taken a file in which this one finds faults.
    this.#isAuto = config === undefined;
    this.#config = config ?? { links: [] };
    this.#failures = 0;
    this.#probeFrom = bootTime() + PROBE_MS;
    const links = config?.links.map(({ id }) => id);
    log.info({ ev: 'network.file', console: true, outcome, links: links ?? 'auto' });
    this.#say({ outcome, links, ipv4: config && hasIpv4(config) });
  }

  /** Tries to reach the cluster with the file on trial, and judges it again. */
  async #probe(signal: AbortSignal): Promise<void> {
    if (bootTime() < this.#probeFrom) return;
    const { folders } = this.#options;
    const deadline = this.#judgement?.trial?.deadline ?? 0;
    const reached = await reachCluster(folders, signal);
    if (signal.aborted) return;
    // At the end of its time, a node that is in no cluster has nothing to judge the file by.
    const isGood = reached ?? bootTime() >= deadline;
    if (!isGood) return this.#judge();
    this.#judgement = accept(this.#present);
    await this.#store.write(this.#judgement);
    this.#ports.log.info({ ev: 'network.good', console: true, reached: reached === true });
    this.#say({ outcome: 'good' });
  }

  /** Brings the kernel in line. Returns the milliseconds until there is something to do without news. */
  async #carryOut(
    { links, fixed }: Kernel,
    assign: (assignment: Assignment) => Promise<void>,
  ): Promise<number> {
    const { rtnetlink, log } = this.#ports;
    const config = this.#config ?? { links: [] };
    const ports = { rtnetlink, links, log };
    let isSettled = false;
    try {
      const made = await applyLinks(config, ports);
      const placed = placeLinks(config, findLinks(config, made.links));
      const addressed = await fixed.apply(placed.map(configuredOf));
      isSettled = made.settled && addressed.settled;
      this.#report(made, addressed);
      await this.#publisher.publish(placed);
      await assign(this.#assignment(config, placed));
    } catch (err) {
      log.error({ ev: 'network.fail', err });
    }
    await writeNetworkStatus(this.#options.folders.run, this.#status, log);
    this.#failures = isSettled ? 0 : this.#failures + 1;
    const retry = isSettled ? IDLE_MS : retryDelay(RETRY, this.#failures);
    return this.#judgement?.trial === undefined ? retry : Math.min(retry, PROBE_MS);
  }

  #assignment(config: NetworkConfig, placed: readonly Placed[]): Assignment {
    if (this.#isAuto)
      return { roles: undefined, carrier: undefined, bound: undefined, pods: undefined };
    const waited = placed.filter(({ settings }) => isWaitedFor(settings));
    const linked = waited.filter(({ link }) => link.carrier);
    const fixed = linked.find(({ settings }) => settings.addresses.length > 0);
    const isWaiting = config.links.some(isWaitedFor);
    return {
      roles: rolesOf(placed),
      carrier: linked[0]?.link.name,
      // Nothing is waited for where the file has no address for anything.
      bound: isWaiting ? fixed?.link.name : '',
      pods: podsOf(config, placed),
    };
  }

  /** Logs what cannot be done, once. */
  #report(made: AppliedLinks, addressed: AppliedStatic): void {
    const before = JSON.stringify([this.#status.waiting, this.#status.obstacles]);
    const waiting = [
      ...made.waiting.map((link) => ({ link, what: 'card', why: 'it is not there' })),
      ...addressed.waiting,
    ];
    const obstacles = [
      ...made.obstacles.map(({ id, why }) => ({ link: id, what: 'link', why })),
      ...addressed.obstacles,
    ];
    this.#say({ waiting, obstacles });
    if (JSON.stringify([waiting, obstacles]) === before) return;
    const { log } = this.#ports;
    for (const lack of waiting) log.info({ ev: 'network.wait', console: true, ...lack });
    for (const lack of obstacles) log.warn({ ev: 'network.obstacle', ...lack });
  }

  /** Changes the status, which is published with the next steps. */
  #say(news: Partial<NetworkStatus>): void {
    this.#status = { ...this.#status, ...news };
  }
}
