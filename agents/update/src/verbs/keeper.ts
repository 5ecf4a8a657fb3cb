import { backoff, type Logger } from '@kios/agent';
import { KiosError } from '@kios/errors';
import type { SlotsState } from '@kios/node-state';
import {
  formatUpdate,
  type NodePatch,
  type NodeView,
  parseUpdate,
  RETRY,
  UPDATE,
  type Update,
} from '@kios/node-turn';

import { type Told, UpdateError } from '../core/faults/errors.ts';
import type { BuildRecord } from '../core/image/build-record.ts';
import type { Arch } from '../core/image/pe.ts';
import { skewFault } from '../core/image/skew.ts';
import {
  type Act,
  decide,
  type Decision,
  learnFailures,
  learnTold,
  refusedReport,
  reportOf,
  type Seen,
} from '../core/pass/decide.ts';
import { digestIn, forgive, isForgiven, isOfMedium } from '../core/pass/memory.ts';
import {
  type Asking,
  askFor,
  type Changes,
  isStopping,
  requestFor,
  withdraw,
} from '../core/pass/request.ts';
import type { Named } from '../edge/slots/slots.ts';
import type { Stager } from './stager.ts';

/** The calls to the cluster. */
export interface ClusterPort {
  node(): Promise<NodeView>;
  write(patch: NodePatch): Promise<boolean>;
  version(): Promise<string>;
}

export interface KeeperPorts {
  readonly cluster: ClusterPort;
  /** Undefined: init has not read the medium yet. */
  readonly slots: () => Promise<SlotsState | undefined>;
  readonly stager: Stager;
  readonly record: BuildRecord;
  readonly arch: Arch;
  readonly bootId: string;
  readonly order: string;
  /** Undefined: no reboot is asked for. */
  readonly asking: Asking | undefined;
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly elapsed: () => number;
  readonly log: Logger;
}

/** What fails may cost a write of the whole system: the medium is spared after the first tries. */
const PAUSES = { firstMs: 5000, maxMs: 3_600_000, factor: 3, jitter: 0.2 };

/** Puts an error into one line, as a Node and a log have it. */
function toldOf({ code, message, cause }: KiosError): Told {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return { code, message: `${message}${why}`.replaceAll(/\s+/g, ' ').slice(0, 400) };
}

/** Returns what the medium's side needs of what init says. */
const namedIn = ({ running, failed, modules, signers, board }: SlotsState): Named => ({
  running,
  failed: failed?.generation,
  usesModules: modules,
  signers,
  board,
});

/** Brings this node to the system that it is to run: stages it, asks for the reboot, and tells how it stands. */
export class Keeper {
  readonly #ports: KeeperPorts;
  readonly #pauses = backoff(PAUSES);
  /** Why the medium is left alone until then. */
  #spared: { readonly until: number; readonly why: Told } | undefined;
  /** What it told before counts once, in case the memory was lost: a late answer would bring back what is forgiven. */
  #isToldLearnt = false;
  #last = '';

  constructor(ports: KeeperPorts) {
    this.#ports = ports;
  }

  /** Takes the next step, and returns which it was. */
  async next(): Promise<Act> {
    const node = await this.#ports.cluster.node();
    if (node.annotations[RETRY] !== undefined) {
      await this.#forgive(node);
      return 'forgive';
    }
    const seen = await this.#look(node);
    if (seen === undefined) return 'rest';
    let found: Seen;
    try {
      found = await this.#learn(seen);
    } catch (error) {
      if (error instanceof KiosError)
        await this.#tell(node, refusedReport(reportOf(seen), toldOf(error)), {});
      throw error;
    }
    return this.#perform(decide(found), found, node);
  }

  /** Returns the next step, and changes nothing but what is remembered. */
  async decide(): Promise<Decision> {
    const seen = await this.#look(await this.#ports.cluster.node());
    if (seen !== undefined) return decide(await this.#learn(seen));
    throw new UpdateError('KIOS_UPDATE_ESP', 'read slots.json: init has not written it yet');
  }

  /** Returns what is known without the medium; undefined before init has read that. */
  async #look({ annotations }: NodeView): Promise<Seen | undefined> {
    const { stager, bootId, arch, record, order } = this.#ports;
    const slots = await this.#ports.slots();
    if (slots === undefined) return undefined;
    const told = this.#isToldLearnt ? [] : (parseUpdate(annotations[UPDATE])?.failed ?? []);
    await stager.keep(learnTold(stager.memory, told));
    this.#isToldLearnt = true;
    const { memory } = stager;
    const unknown = { running: undefined, failed: undefined };
    return { slots, bootId, arch, record, memory, annotations, order, ...unknown };
  }

  /** Adds which systems run and have failed, and remembers the failures. */
  async #learn(seen: Seen): Promise<Seen> {
    const { stager } = this.#ports;
    const digests = seen.slots.managed ? await this.#learnDigests(seen) : {};
    const found = { ...seen, ...digests, memory: stager.memory };
    const memory = learnFailures(found);
    await stager.keep(memory);
    return { ...found, memory };
  }

  async #learnDigests({ slots, memory, bootId }: Seen): Promise<Pick<Seen, 'running' | 'failed'>> {
    const { stager } = this.#ports;
    const failed = isForgiven(memory, slots.failed?.generation, bootId)
      ? undefined
      : slots.failed?.generation;
    // After the power went while the partition was written, files are what the medium has.
    if (slots.dirty || !isOfMedium(memory, slots.running, slots.version))
      await stager.distrust('all');
    // A good system that rots fails too, and then the same one may be staged again.
    if (failed !== undefined) await stager.distrust(failed);
    await stager.learn({ ...namedIn(slots), failed });
    await stager.noteVersion(slots.running, slots.version);
    return {
      running: digestIn(stager.memory, slots.running),
      failed: digestIn(stager.memory, failed),
    };
  }

  async #perform({ act, report }: Decision, seen: Seen, node: NodeView): Promise<Act> {
    switch (act) {
      case 'rest':
        this.#spareNoMore();
        return this.#rest('rest', report, node);
      case 'ask':
        await this.#tell(node, report, this.#askFor(node, report));
        return 'ask';
      case 'unstage':
        return this.#unstage(report, seen, node);
      case 'stage':
        return this.#stage(report, seen, node);
    }
  }

  #askFor({ annotations }: NodeView, { digest }: Update): Changes {
    const { asking, now } = this.#ports;
    if (asking === undefined) return {};
    return askFor(annotations, requestFor(digest, asking), now());
  }

  async #stage(report: Update, seen: Seen, node: NodeView): Promise<Act> {
    const { record, stager, cluster } = this.#ports;
    if (this.#isSpared()) return this.#rest('pause', report, node);
    const fault = skewFault(record.kubernetes, await cluster.version());
    if (fault !== undefined) {
      const message = `run kiOS ${record.version}: ${fault}`;
      const refused = refusedReport(report, { code: 'KIOS_UPDATE_SKEW', message });
      await this.#tell(node, refused, withdraw(node.annotations));
      return 'rest';
    }
    const isFree = !isStopping(node.annotations, seen.bootId);
    if (!isFree || !(await this.#tell(node, report, withdraw(node.annotations)))) return 'pause';
    await this.#onMedium(() => stager.stage(namedIn(seen.slots), record));
    return 'stage';
  }

  async #unstage(report: Update, seen: Seen, node: NodeView): Promise<Act> {
    const { cluster, stager } = this.#ports;
    if (this.#isSpared()) return this.#rest('pause', report, node);
    if (isStopping(node.annotations, seen.bootId)) return 'pause';
    const annotations = withdraw(node.annotations);
    const isAsked = Object.keys(annotations).length > 0;
    if (isAsked) {
      const isDone = await cluster.write({ resourceVersion: node.resourceVersion, annotations });
      if (!isDone) return 'pause';
    }
    await this.#onMedium(() => stager.unstage(namedIn(seen.slots)));
    return this.#rest('unstage', report, node);
  }

  /** Tells how the node stands, or why its medium is spared. */
  async #rest(act: Act, report: Update, node: NodeView): Promise<Act> {
    const why = this.#spared?.why;
    const told = why === undefined ? report : refusedReport(report, why);
    await this.#tell(node, told, withdraw(node.annotations));
    return act;
  }

  #isSpared(): boolean {
    return this.#ports.elapsed() < (this.#spared?.until ?? 0);
  }

  /** Works on the medium. What fails is tried again after a pause that grows. */
  async #onMedium(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      this.#spareNoMore();
    } catch (error) {
      const until = this.#ports.elapsed() + this.#pauses.next();
      if (error instanceof KiosError) this.#spared = { until, why: toldOf(error) };
      throw error;
    }
  }

  #spareNoMore(): void {
    this.#spared = undefined;
    this.#pauses.reset();
  }

  /** Forgets what failed, in the memory first: killed in between, the node is asked again. */
  async #forgive(node: NodeView): Promise<void> {
    const { stager, slots, bootId, log, cluster } = this.#ports;
    const failed = (await slots())?.failed?.generation;
    this.#isToldLearnt = true;
    this.#spareNoMore();
    await stager.keep(forgive(stager.memory, failed, bootId));
    const annotations = { [RETRY]: null, [UPDATE]: null };
    await cluster.write({ resourceVersion: node.resourceVersion, annotations });
    log.info({ ev: 'retry', console: true });
  }

  /** Writes what is new to the Node, and reports whether it has it; what comes too late is written at the next step. */
  async #tell(node: NodeView, report: Update, changes: Changes): Promise<boolean> {
    const { cluster, log } = this.#ports;
    const text = formatUpdate(report);
    const isNew = node.annotations[UPDATE] !== text;
    if (!isNew && Object.keys(changes).length === 0) return true;
    const annotations = { ...(isNew ? { [UPDATE]: text } : {}), ...changes };
    const isDone = await cluster.write({ resourceVersion: node.resourceVersion, annotations });
    if (!isDone || this.#last === text) return isDone;
    this.#last = text;
    const { state, version, code, message } = report;
    const fields = { ev: `update.${state}`, version, code, message, console: true };
    if (state === 'refused' || state === 'failed') log.warn(fields);
    else log.info(fields);
    return true;
  }
}
