import { type AgentContext, type Logger, sleep } from '@kios/agent';

import type { Condition } from '../../core/devices/condition.ts';
import type { EventQueue } from '../devices/event-queue.ts';
import { FirmwareHints } from '../devices/firmware-hints.ts';
import { waitForAll } from '../devices/waiting.ts';
import { Report } from '../report/report.ts';
import { StatusFiles } from '../report/status-files.ts';
import type { Attempts } from './attempts.ts';
import { Daemon } from './daemon.ts';
import { readModuleOf } from './module-files.ts';
import { reportWaiting } from './operator-files.ts';
import { Quiet } from './quiet.ts';
import { Rest } from './rest.ts';
import { type Session, startWork, type Work } from './session.ts';

/** After this time without work the devices present at boot have their drivers. */
const SETTLE_MS = 200;

export interface ServiceParts {
  /** The file of the policy. */
  readonly policy: string;
  readonly loadDir: string;
  readonly statusDir: string;
  readonly conditions: readonly Condition[];
  /** Time after which unmet conditions are named. */
  readonly timeoutMs: number;
  /** Time until late devices and profiles are loaded; by then the node's first pods run. */
  readonly laterAfterMs: number;
  /** Has the kernel load nothing more; undefined where that is not wanted. */
  readonly seal: { readonly afterMs: number; readonly apply: () => void } | undefined;
  /** Gives back the memory of work, so long after it. */
  readonly rest: { readonly afterMs: number; readonly apply: () => void };
  readonly queue: EventQueue;
  readonly attempts: Attempts;
  /** Reads what people set, and the index. */
  readonly open: () => Promise<Session>;
  /** Waits until what people set has changed. */
  readonly change: (signal: AbortSignal) => Promise<void>;
}

/** Loads the drivers of all devices, now and as they appear, until it is stopped. */
export class Service {
  readonly #parts: ServiceParts;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #started = performance.now();
  readonly #quiet = new Quiet(SETTLE_MS);
  #isReady = false;
  /** Undefined during the boot, to which the same pages would be given again at once. */
  #rest: Rest | undefined;

  constructor(parts: ServiceParts, { log, signal }: AgentContext) {
    this.#parts = parts;
    this.#log = log;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const { open, queue, statusDir, loadDir, attempts } = this.#parts;
    const session = await open();
    using hints = new FirmwareHints({
      devices: session.devices,
      read: async (name) => readModuleOf(session, name),
      log: this.#log,
    });
    const before: ReadonlySet<string> = new Set(session.kernel.loaded());
    const report = new Report(this.#log, {
      changed: () => files.changed(),
      loaded: ({ name, alias }) => alias !== undefined && hints.loaded(name, alias),
    });
    const start = (opened: Session): Work => startWork(opened, report, attempts, before);
    let work = start(session);
    await using files = new StatusFiles(statusDir, this.#log, () => work.status(this.#isReady));
    await files.reset();
    // The kernel tells of modules too, which pods and the kernel itself have loaded.
    queue.listen((event) => {
      if (event !== 'overrun' && event.variables.get('SUBSYSTEM') === 'module') files.changed();
      this.#rest?.worked();
    });
    const daemon = new Daemon(loadDir, work, { log: this.#log, signal: this.#signal });
    const renew = async (): Promise<void> => {
      work = start(await open());
      report.tryAgain();
      reportWaiting(work.session, report);
      await daemon.renew(work);
    };
    await this.#serve(daemon, report, files, renew);
  }

  /** Everything goes on at once, so that no device waits for the driver of another. */
  async #serve(
    daemon: Daemon,
    report: Report,
    files: StatusFiles,
    renew: () => Promise<void>,
  ): Promise<void> {
    const started = this.#quiet.during(async () => {
      await daemon.start();
      return true;
    });
    const ready = this.#becomeReady(started, report, files);
    const later = this.#later(started, daemon);
    const seal = this.#sealAfter(Promise.all([ready, later]));
    try {
      await Promise.all([seal, this.#followDevices(daemon), this.#followFiles(renew)]);
    } finally {
      this.#rest?.[Symbol.dispose]();
    }
  }

  async #becomeReady(started: Promise<void>, report: Report, files: StatusFiles): Promise<void> {
    const { conditions, queue, timeoutMs } = this.#parts;
    const late = (missing: readonly string[]): void =>
      this.#log.warn({ ev: 'wait.late', missing, ms: timeoutMs });
    const wait = { queue, late, timeoutMs, signal: this.#signal };
    await Promise.all([started, waitForAll(conditions, wait)]);
    await this.#quiet.wait(this.#signal);
    this.#isReady = true;
    const ms = Math.round(performance.now() - this.#started);
    const [loaded, failed] = [report.lists.loaded.length, report.lists.failed.length];
    this.#log.info({ ev: 'ready', console: true, loaded, failed, ms });
    await files.ready();
  }

  async #later(started: Promise<void>, daemon: Daemon): Promise<void> {
    await started;
    const { laterAfterMs, rest } = this.#parts;
    await sleep(laterAfterMs, this.#signal);
    await daemon.later();
    this.#rest = new Rest(rest.afterMs, rest.apply);
    this.#rest.worked();
  }

  async #sealAfter(settled: Promise<unknown>): Promise<void> {
    await settled;
    const { seal } = this.#parts;
    if (seal === undefined) return;
    await sleep(seal.afterMs, this.#signal);
    try {
      seal.apply();
      this.#log.info({ ev: 'sealed', console: true });
    } catch (error) {
      this.#log.error({ ev: 'seal.fail', err: error });
    }
  }

  async #followDevices(daemon: Daemon): Promise<void> {
    for (;;) {
      const batch = await this.#parts.queue.next();
      await this.#quiet.during(async () => daemon.serve(batch));
      this.#rest?.worked();
    }
  }

  async #followFiles(renew: () => Promise<void>): Promise<void> {
    for (;;) {
      await this.#parts.change(this.#signal);
      await renew();
      this.#log.info({ ev: 'settings.changed', file: this.#parts.policy });
      this.#rest?.worked();
    }
  }
}
