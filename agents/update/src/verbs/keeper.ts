import type { Logger } from '@kios/agent';
import { KiosError } from '@kios/errors';
import type { SlotsState } from '@kios/node-state';
import {
  formatUpdate,
  type NodePatch,
  type NodeView,
  RETRY,
  UPDATE,
  type Update,
} from '@kios/node-turn';

import { type UpdateCode, UpdateError } from '../core/faults/errors.ts';
import type { BuildRecord } from '../core/image/build-record.ts';
import type { Arch } from '../core/image/pe.ts';
import { skewFault } from '../core/image/skew.ts';
import {
  type Act,
  decide,
  type Decision,
  learnFailures,
  refusedReport,
  type Seen,
} from '../core/pass/decide.ts';
import { digestIn, forgive, isForgiven } from '../core/pass/memory.ts';
import { type Asking, askFor, type Changes, requestFor, withdraw } from '../core/pass/request.ts';
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
  readonly log: Logger;
}

/** Errors about the way to the Node, by which they cannot be told. */
const UNTOLD: ReadonlySet<UpdateCode> = new Set<UpdateCode>([
  'KIOS_UPDATE_API',
  'KIOS_UPDATE_UNTRUSTED',
  'KIOS_UPDATE_SETUP',
]);

const isTold = (error: unknown): error is UpdateError =>
  error instanceof UpdateError && !UNTOLD.has(error.code);

const inOneLine = (error: KiosError): string => {
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${error.message}${cause}`.replaceAll(/\s+/g, ' ').slice(0, 400);
};

/** Brings this node to the system that it is to run: stages it, asks for the reboot, and tells how it stands. */
export class Keeper {
  readonly #ports: KeeperPorts;
  #last = '';

  constructor(ports: KeeperPorts) {
    this.#ports = ports;
  }

  /** Takes the next step, and returns which it was. */
  async next(): Promise<Act> {
    const node = await this.#ports.cluster.node();
    if (node.annotations[RETRY] !== undefined) {
      await this.#forgive(node);
      return 'stage';
    }
    const found = await this.#decide(node);
    if (found === undefined) return 'rest';
    return this.#perform(found.decision, found.seen, node);
  }

  /** Returns the next step, and changes nothing but what is remembered. */
  async decide(): Promise<Decision> {
    const found = await this.#decide(await this.#ports.cluster.node());
    if (found !== undefined) return found.decision;
    throw new UpdateError('KIOS_UPDATE_ESP', 'read slots.json: init has not written it yet');
  }

  async #see({ annotations }: NodeView, slots: SlotsState): Promise<Seen> {
    const { stager, bootId, arch, record, order } = this.#ports;
    const failed = isForgiven(stager.memory, slots.failed?.generation, bootId)
      ? undefined
      : slots.failed?.generation;
    // After the power went while the partition was written, files are what the medium has.
    if (slots.dirty) await stager.distrust('all');
    // A good system that rots fails too, and then the same one may be staged again.
    if (failed !== undefined) await stager.distrust(failed);
    if (slots.managed) await stager.learn([slots.running, failed]);
    const { memory } = stager;
    return {
      slots,
      bootId,
      arch,
      record,
      running: digestIn(memory, slots.running),
      failed: digestIn(memory, failed),
      memory,
      annotations,
      order,
    };
  }

  async #decide(node: NodeView): Promise<{ decision: Decision; seen: Seen } | undefined> {
    const slots = await this.#ports.slots();
    if (slots === undefined) return undefined;
    const found = await this.#see(node, slots);
    const memory = learnFailures(found);
    await this.#ports.stager.keep(memory);
    const seen = { ...found, memory };
    return { decision: decide(seen), seen };
  }

  async #perform({ act, report }: Decision, seen: Seen, node: NodeView): Promise<Act> {
    switch (act) {
      case 'rest':
        await this.#tell(node, report, withdraw(node.annotations));
        return 'rest';
      case 'ask':
        await this.#tell(node, report, this.#askFor(node, report));
        return 'ask';
      case 'unstage':
        await this.#ports.stager.unstage(this.#named(seen));
        await this.#tell(node, report, withdraw(node.annotations));
        return 'unstage';
      case 'stage':
        return this.#stage(report, seen, node);
    }
  }

  #askFor({ annotations }: NodeView, { digest }: Update): Changes {
    const { asking, now } = this.#ports;
    if (asking === undefined) return {};
    return askFor(annotations, requestFor(digest, asking), now());
  }

  #named({ slots }: Seen) {
    return { running: slots.running, failed: slots.failed?.generation };
  }

  async #stage(report: Update, seen: Seen, node: NodeView): Promise<Act> {
    const { record, stager, cluster } = this.#ports;
    const fault = skewFault(record.kubernetes, await cluster.version());
    if (fault !== undefined) {
      const message = `run kiOS ${record.version}: ${fault}`;
      const refused = refusedReport(report, { code: 'KIOS_UPDATE_SKEW', message });
      await this.#tell(node, refused, withdraw(node.annotations));
      return 'rest';
    }
    await this.#tell(node, report, withdraw(node.annotations));
    try {
      await stager.stage(this.#named(seen), record);
      return 'stage';
    } catch (error) {
      if (!isTold(error)) throw error;
      const { code } = error;
      const refused = refusedReport(report, { code, message: inOneLine(error) });
      await this.#tell(await cluster.node(), refused, {});
      throw error;
    }
  }

  /** Forgets what failed, in the memory first: killed in between, the node is asked again. */
  async #forgive(node: NodeView): Promise<void> {
    const { stager, slots, bootId, log, cluster } = this.#ports;
    const failed = (await slots())?.failed?.generation;
    await stager.keep(forgive(stager.memory, failed, bootId));
    const annotations = { [RETRY]: null, [UPDATE]: null };
    await cluster.write({ resourceVersion: node.resourceVersion, annotations });
    log.info({ ev: 'retry', console: true });
  }

  /** Writes what is new to the Node; a report that comes too late is written at the next step. */
  async #tell(node: NodeView, report: Update, changes: Changes): Promise<void> {
    const { cluster, log } = this.#ports;
    const text = formatUpdate(report);
    const isNew = node.annotations[UPDATE] !== text;
    if (!isNew && Object.keys(changes).length === 0) return;
    const annotations = { ...(isNew ? { [UPDATE]: text } : {}), ...changes };
    const isDone = await cluster.write({ resourceVersion: node.resourceVersion, annotations });
    if (!isDone || this.#last === text) return;
    this.#last = text;
    const { state, version, code, message } = report;
    const fields = { ev: `update.${state}`, version, code, message, console: true };
    if (state === 'refused' || state === 'failed') log.warn(fields);
    else log.info(fields);
  }
}
