import path from 'node:path';

import { readIfThere } from '@kios/agent';
import {
  type Lease,
  ModulesStatus,
  readStateIfThere,
  SlotsState,
  TimeState,
} from '@kios/node-state';

import { saidIn } from '../../core/diagnosis/init-log.ts';
import { KubeletLog } from '../../core/diagnosis/kubelet-log.ts';
import { textIn } from '../../core/diagnosis/program-line.ts';
import { Risen } from '../../core/diagnosis/risen.ts';
import type { Said, Signs } from '../../core/diagnosis/signs.ts';
import { eventsIn } from '../../core/diagnosis/tables.ts';
import { readHost, readKubelet, readPrimaryLease } from '../node/host.ts';
import { readIdentityExpiry } from '../node/node.ts';
import { readUplink } from '../node/uplink.ts';
import { LogTail } from './log-tail.ts';
import { readCards, readDisk, readProtectedDisks } from './machine.ts';
import { NetworkProbes, type ProbePorts } from './network-probes.ts';
import { PodGroups } from './pod-groups.ts';

/** A client that was refused an address asks for another one within this time. */
const CONFLICT_SECONDS = 60;
const CONFLICTS = ['conflict', 'decline', 'conflict6'];
/** init pauses for a minute at most before a start, so an older kubelet runs. */
const RUNS_SECONDS = 90;
/** Pods whose failure keeps the node from serving: static ones, and those of the cluster itself. */
const SYSTEM = 'kube-system/';

/** What cannot be read, as on a disk that has died, is no sign, and hides no other. */
const quietly = async <T>(reading: Promise<T>): Promise<T | undefined> =>
  reading.catch(() => undefined);

/** Reads what all parts of the node say. It remembers what logs and counters said before. */
export class SignReader {
  readonly #ports: ProbePorts;
  readonly #probes: NetworkProbes;
  readonly #kubelet = new KubeletLog();
  readonly #kubeletLog: LogTail;
  readonly #initLog: LogTail;
  readonly #said = new Map<string, Said>();
  readonly #groups: PodGroups;
  readonly #conflicts = new Risen(CONFLICT_SECONDS);

  constructor(ports: ProbePorts) {
    const { run, kubepods, procNet } = ports.settings;
    this.#ports = ports;
    this.#probes = new NetworkProbes(ports);
    this.#kubeletLog = new LogTail(path.join(run, 'log/kubelet.log'));
    this.#initLog = new LogTail(path.join(run, 'log/init.log'));
    this.#groups = new PodGroups({ kubepods, vmstat: path.join(procNet, '../vmstat') });
  }

  /** Reads the signs at `up`. `isTrouble`: the last ones were those of a fault. */
  async read(up: number, isTrouble: boolean): Promise<Signs> {
    await this.#readLogs(up);
    const { settings, board } = this.#ports;
    const lease = await quietly(readPrimaryLease(settings));
    await this.#probes.look(lease, up, isTrouble || this.#kubelet.lacksApi(up));
    return {
      ...(await this.#readNetwork(up, lease)),
      ...(await this.#readHost()),
      ...(await this.#readPods(up)),
      join: board.join,
      requests: board.requests,
      isNameTaken: this.#probes.isNameTaken(up),
      kubeletVersion: this.#kubelet.version,
      kubelet: await this.#readKubelet(up),
    };
  }

  async #readLogs(up: number): Promise<void> {
    await this.#kubeletLog.read((line, isOld) => {
      const text = textIn(line);
      if (text !== undefined) this.#kubelet.line(text, isOld ? undefined : up);
    });
    await this.#initLog.read((line) => {
      const said = saidIn(line);
      if (said !== undefined) this.#said.set(said.code, said);
    });
  }

  async #readNetwork(
    up: number,
    lease: Lease | undefined,
  ): Promise<
    Pick<Signs, 'cards' | 'hasAddress' | 'hasConflict' | 'gateway' | 'nameServers' | 'api'>
  > {
    const { settings } = this.#ports;
    const metrics =
      (await quietly(readIfThere(path.join(settings.run, 'metrics/dhcp.prom')))) ?? '';
    const hasAddress = (await quietly(readUplink(settings))) !== undefined;
    const { gateway, nameServers, api } = this.#probes;
    return {
      cards: await readCards(settings.sysfs),
      hasAddress,
      hasConflict: this.#conflicts.look('', eventsIn(metrics, CONFLICTS), up, 0),
      gateway: lease === undefined ? undefined : gateway,
      nameServers: hasAddress ? nameServers : [],
      api,
    };
  }

  async #readHost(): Promise<
    Pick<
      Signs,
      | 'clock'
      | 'disk'
      | 'isDataFailed'
      | 'protectedDisks'
      | 'modules'
      | 'update'
      | 'init'
      | 'certificate'
    >
  > {
    const { settings } = this.#ports;
    const time = await quietly(
      readStateIfThere(TimeState, path.join(settings.run, 'time/state.json')),
    );
    const host = await quietly(readHost(settings));
    // A clock that is wrong says nothing about a certificate.
    const notAfter = time?.sane === false ? undefined : await quietly(readIdentityExpiry(settings));
    return {
      clock: time,
      disk: await quietly(readDisk(settings)),
      isDataFailed: host?.dataReason === 'failed',
      protectedDisks: await readProtectedDisks(settings.sysfs),
      modules: await this.#readModules(),
      update: await this.#readUpdate(),
      init: [...this.#said.values()],
      certificate: notAfter === undefined ? undefined : { notAfter, now: Date.now() },
    };
  }

  async #readModules(): Promise<Signs['modules']> {
    const file = path.join(this.#ports.settings.run, 'modules/status.json');
    const status = await quietly(readStateIfThere(ModulesStatus, file));
    const stuck = status?.stuck.map((name) => ({ name, why: 'it does not come to an end' })) ?? [];
    return [...(status?.failed ?? []), ...stuck];
  }

  async #readUpdate(): Promise<Signs['update']> {
    const file = path.join(this.#ports.settings.run, 'slots.json');
    const slots = await quietly(readStateIfThere(SlotsState, file));
    if (slots?.managed !== true) return undefined;
    const { version, state, failed } = slots;
    return { version, isTrial: state === 'trial', failed: failed ?? undefined };
  }

  async #readPods(
    up: number,
  ): Promise<
    Pick<Signs, 'pods' | 'outOfMemory' | 'outOfProcesses' | 'hasPodNetwork' | 'isRuntimeSilent'>
  > {
    const own = `-${(await quietly(readKubelet(this.#ports.settings)))?.hostname ?? ''}`;
    return {
      pods: this.#kubelet.pods(up).filter(({ pod }) => pod.startsWith(SYSTEM) || pod.endsWith(own)),
      ...(await this.#groups.look(up, (uid) => this.#kubelet.nameOf(uid))),
      hasPodNetwork: !this.#kubelet.lacksNetwork(up),
      isRuntimeSilent: this.#kubelet.lacksRuntime(up),
    };
  }

  async #readKubelet(up: number): Promise<Signs['kubelet']> {
    const kubelet = await quietly(readKubelet(this.#ports.settings));
    if (kubelet === undefined) return undefined;
    const { earlyEnds = 0, dropInsIgnored = false, startedBoot } = kubelet;
    const why = this.#kubelet.lastEnd;
    return {
      earlyEnds: up - startedBoot > RUNS_SECONDS ? 0 : earlyEnds,
      dropInsIgnored,
      ...(why === undefined ? {} : { why }),
    };
  }
}
