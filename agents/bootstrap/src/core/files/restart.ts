import type { KubeletState } from '@kios/node-state';

import { type JoinState, ofBoot } from './state.ts';

const LOOP_WINDOW_S = 600;
const LOOP_LIMIT = 3;

export interface RestartFacts {
  /** This run changes a file that kubelet reads at start. */
  readonly changed: boolean;
  /** The state an earlier run left. */
  readonly state: JoinState | undefined;
  readonly kubelet: Pick<KubeletState, 'startedBoot'> | undefined;
  readonly bootId: string;
}

export type RestartDecision =
  | { readonly send: true; readonly why: string }
  | { readonly send: false; readonly why: string };

/** Whether the running kubelet has not seen the files: it then gets one restart, and never a second one for the same files. */
export function decideRestart(facts: RestartFacts): RestartDecision {
  const { state, kubelet } = facts;
  if (facts.changed) return { send: true, why: 'files changed' };
  if (state === undefined) return { send: false, why: 'nothing was written' };
  // A kubelet of a later boot started after the files were there.
  if (state.bootId !== facts.bootId)
    return { send: false, why: 'kubelet started with these files' };
  if (state.phase === 'restarted') return { send: false, why: 'already asked for' };
  if (state.phase === 'writing') return { send: true, why: 'an earlier run was cut off' };
  const sawFiles = kubelet !== undefined && kubelet.startedBoot > state.up;
  return sawFiles
    ? { send: false, why: 'kubelet started with these files' }
    : { send: true, why: 'kubelet is older than its files' };
}

/** Seconds until another restart is allowed; 0 now. Something that undoes our files must not restart kubelet for ever. */
export function restartPause(restarts: readonly number[], up: number): number {
  const recent = restarts.filter((at) => at > up - LOOP_WINDOW_S);
  if (recent.length < LOOP_LIMIT) return 0;
  return Math.ceil((recent.at(-LOOP_LIMIT) ?? up) + LOOP_WINDOW_S - up);
}

const ADDRESS_PAUSE_S = 300;

/** kubelet got another address a short while ago and keeps it for now: one that comes and goes must not keep it starting. */
export function isAddressHeld(
  state: JoinState | undefined,
  now: { readonly bootId: string; readonly up: number },
): boolean {
  const { readdressed: since } = ofBoot(state, now.bootId);
  return since !== undefined && now.up < since + ADDRESS_PAUSE_S;
}

const REST_S = 600;

/** A document that was rolled back is tried again when it changes, at the next boot, or after ten minutes. */
export function isBackingOff(
  state: JoinState | undefined,
  now: { readonly document: string; readonly bootId: string; readonly up: number },
): boolean {
  if (state?.phase !== 'rolled-back' || state.tried !== now.document) return false;
  return state.bootId === now.bootId && now.up < state.up + REST_S;
}
