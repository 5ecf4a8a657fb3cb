import type { KubeletState } from '@kios/node-state';

import { type JoinState, ofBoot } from './state.ts';

const LOOP_WINDOW_S = 600;
const LOOP_LIMIT = 3;

export interface RestartFacts {
  /** This run changes a file that kubelet reads at start. */
  readonly changed: boolean;
  /** The state of an earlier run. */
  readonly state: JoinState | undefined;
  readonly kubelet: Pick<KubeletState, 'startedBoot'> | undefined;
  readonly bootId: string;
}

export type RestartDecision =
  | { readonly send: true; readonly why: string }
  | { readonly send: false; readonly why: string };

/**
 * Decides whether the running kubelet has seen the files. If not, it gets one restart, and never a second for the same
 * files.
 */
export function decideRestart(facts: RestartFacts): RestartDecision {
  const { state, kubelet } = facts;
  if (facts.changed) return { send: true, why: 'files changed' };
  if (state === undefined) return { send: false, why: 'nothing was written' };
  // A kubelet of a later boot started with the files in place.
  if (state.bootId !== facts.bootId)
    return { send: false, why: 'kubelet started with these files' };
  if (state.phase === 'restarted') return { send: false, why: 'already requested' };
  if (state.phase === 'writing') return { send: true, why: 'an earlier run was cut off' };
  const sawFiles = kubelet !== undefined && kubelet.startedBoot > state.up;
  return sawFiles
    ? { send: false, why: 'kubelet started with these files' }
    : { send: true, why: 'kubelet is older than its files' };
}

/**
 * Returns the seconds until another restart is allowed; 0 allows it now. A program that undoes our files must not make
 * kubelet restart without end.
 */
export function restartPause(restarts: readonly number[], up: number): number {
  const recent = restarts.filter((at) => at > up - LOOP_WINDOW_S);
  if (recent.length < LOOP_LIMIT) return 0;
  return Math.ceil((recent.at(-LOOP_LIMIT) ?? up) + LOOP_WINDOW_S - up);
}

const ADDRESS_PAUSE_S = 300;

/**
 * Returns whether kubelet must keep the address it was given recently: a flapping address must not restart it again and
 * again.
 */
export function isAddressHeld(
  state: JoinState | undefined,
  now: { readonly bootId: string; readonly up: number },
): boolean {
  const { readdressed: since } = ofBoot(state, now.bootId);
  return since !== undefined && now.up < since + ADDRESS_PAUSE_S;
}

const REST_S = 600;

/**
 * Returns whether a document that was rolled back must wait. It is tried again when it changes, at the next boot, or
 * after ten minutes, unless kubelet itself did not run with it.
 */
export function isBackingOff(
  state: JoinState | undefined,
  now: { readonly document: string; readonly bootId: string; readonly up: number },
): boolean {
  if (state?.phase !== 'rolled-back' || state.tried !== now.document) return false;
  return state.bootId === now.bootId && (state.isRefused === true || now.up < state.up + REST_S);
}
