import path from 'node:path';

import { DirectoryWatch } from '@kios/agent';

import { denial, paramsOf } from '../../core/policy/policy.ts';
import type { Report } from '../report/report.ts';
import type { Session, SessionArgs } from './session.ts';

/** Quiet time after a change: a document writes several files. */
const SETTLE_MS = 200;

/** Notices changes of the policy, of modprobe.d and of modules-load.d, also in folders that appear later. */
export class OperatorFiles implements Disposable {
  readonly #folders: readonly string[];
  #watch: DirectoryWatch;

  constructor({ policy, configDir }: SessionArgs, loadDir: string) {
    this.#folders = [...new Set([path.dirname(policy), ...configDir, loadDir])];
    this.#watch = this.#open();
  }

  #open(): DirectoryWatch {
    return new DirectoryWatch(this.#folders, { settleMs: SETTLE_MS });
  }

  /** Resolves on a change; rejects with the signal's reason. */
  async change(signal: AbortSignal): Promise<void> {
    await this.#watch.wait(undefined, signal);
    // A folder that appeared is watched from now on, before anybody reads it.
    this.#watch[Symbol.dispose]();
    this.#watch = this.#open();
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }
}

/** Says of which loaded modules the settings now say something else: nothing is unloaded, and no parameter changed. */
export function reportWaiting({ policy, config }: Session, report: Report): void {
  for (const { name, alias, params = '' } of report.lists.loaded) {
    const rule = denial(policy, config, name, 'dep');
    if (rule !== undefined) report.waits(name, `it is loaded, and denied now by ${rule}`);
    else if (paramsOf(policy, config, name, alias) !== params)
      report.waits(name, 'it was loaded with other parameters');
  }
}
