import path from 'node:path';

import { sleep, writeAtomic } from '@kios/agent';
import { FaultsState, formatState } from '@kios/node-state';

import { findFaults } from '../core/diagnosis/find.ts';
import {
  type Fault,
  isUrgent,
  judge,
  type Judgement,
  type Suspicions,
} from '../core/diagnosis/judge.ts';
import type { Signs } from '../core/diagnosis/signs.ts';
import { faultConditions, noticesOf } from '../core/diagnosis/tell.ts';
import type { Board } from '../edge/diagnosis/board.ts';
import { EventQueue } from '../edge/diagnosis/events.ts';
import { SignReader } from '../edge/diagnosis/sign-reader.ts';
import { bootSeconds } from '../edge/node/host.ts';
import { apiOf, type JoinContext } from './context.ts';

/** Looks for faults of the node, and tells them: on the console, in the log, in conditions and in Events. */
export class Diagnosis {
  readonly #context: JoinContext;
  readonly #board: Board;
  readonly #reader: SignReader;
  readonly #events = new EventQueue();
  #suspicions: Suspicions = new Map();
  #isTrial = false;
  /** The file says what was found last. */
  #isPublished = false;

  constructor(context: JoinContext, board: Board) {
    const { settings, signal } = context;
    this.#context = context;
    this.#board = board;
    const openApi = (endpoint: string) => apiOf(context, endpoint);
    this.#reader = new SignReader({ settings, board, signal, openApi });
  }

  /** Looks once. */
  async look(): Promise<void> {
    const before = this.#suspicions;
    const up = await bootSeconds();
    const signs = await this.#reader.read(up, isUrgent(before, up));
    // Probes take seconds; what they found is of now.
    const judged = judge(before, findFaults(signs), await bootSeconds());
    this.#suspicions = judged.suspicions;
    await this.#tell(judged, signs);
    const { member } = this.#board;
    if (signs.api?.reach.kind === 'reached' && member !== undefined)
      await this.#events.send(
        this.#context.settings,
        apiOf(this.#context, member.endpoint),
        member,
      );
  }

  async #tell({ faults, begun, ended, due }: Judgement, { update }: Signs): Promise<void> {
    const { log } = this.#context;
    const now = await bootSeconds();
    const age = ({ since }: Fault): number => Math.round(now - since);
    for (const fault of due) {
      const { code, cause, remedy, condition } = fault;
      log.error({ ev: 'fault', code, cause, remedy, condition, seconds: age(fault) });
    }
    for (const fault of ended)
      log.info({ ev: 'fault.over', code: fault.code, seconds: age(fault), console: true });
    if (ended.length > 0 && faults.length === 0) log.info({ ev: 'healthy', console: true });
    this.#events.add(noticesOf(begun, ended), new Date());
    this.#board.conditions = faultConditions(faults, update);
    const isTrial = update?.isTrial === true;
    if (begun.length + ended.length > 0) this.#isPublished = false;
    if (begun.length + ended.length > 0 || isTrial !== this.#isTrial) this.#board.onChange();
    this.#isTrial = isTrial;
    if (!this.#isPublished) await this.#publish(faults);
  }

  async #publish(faults: readonly Fault[]): Promise<void> {
    const state = formatState(FaultsState, { v: 1, faults: [...faults] });
    const { run } = this.#context.settings;
    await writeAtomic(path.join(run, 'platform/faults.json'), state);
    this.#isPublished = true;
  }
}

/**
 * Looks for faults until the agent is stopped, and not at once: a boot has better to do. Its own faults are logged, and
 * stop nothing else.
 */
export async function diagnose(context: JoinContext, board: Board): Promise<void> {
  const { settings, signal, log } = context;
  const diagnosis = new Diagnosis(context, board);
  let last = '';
  for (;;) {
    await sleep(settings.diagnoseSeconds * 1000, signal);
    try {
      await diagnosis.look();
      last = '';
    } catch (err) {
      signal.throwIfAborted();
      const text = String(err);
      if (text !== last) log.warn({ ev: 'diagnosis.failed', err });
      last = text;
    }
  }
}
