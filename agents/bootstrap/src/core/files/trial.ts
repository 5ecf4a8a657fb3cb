import type { BootState, KubeletState } from '@kios/node-state';

import type { JoinState } from './state.ts';

export interface TrialFacts {
  readonly state: JoinState | undefined;
  readonly boot: BootState | undefined;
  readonly kubelet: KubeletState | undefined;
  readonly bootId: string;
  /** Seconds of CLOCK_BOOTTIME now. */
  readonly up: number;
}

/** What is known of the configuration on trial. */
export interface Trial {
  /** Seconds since kubelet was to run with it; undefined when kubelet was never started. */
  readonly seconds: number | undefined;
  /** kubelet runs only without its drop-ins, so a node that is Ready now is no sign for it. */
  readonly isRefused: boolean;
  /** kubelet has come to serve with it. */
  readonly hasServed: boolean;
  /** kubelet ends again and again with it. */
  readonly keepsEnding: boolean;
  /** Seconds for which the running kubelet has been up, if it serves with it. */
  readonly servesFor: number | undefined;
}

/** One end may be an accident. init starts kubelet without its drop-ins after one more, at boot. */
const ENDS = 4;
/** A kubelet that does not take its files ends within seconds, a part of them after it has said that it serves. */
const SETTLED_S = 30;

const UNKNOWN: Trial = {
  seconds: undefined,
  isRefused: false,
  hasServed: false,
  keepsEnding: false,
  servesFor: undefined,
};

/**
 * Returns when the trial began in this boot. kubelet's last start does not count: one that keeps ending starts at least
 * once a minute, and its trial would never be over.
 */
function beginOf({ state, boot, kubelet, bootId }: TrialFacts): number | undefined {
  // A run that was cut off after its request has not recorded it.
  if (state?.bootId === bootId) return state.onTrialSince ?? state.up;
  const first = boot?.phases.find(({ name }) => name === 'kubelet.start');
  return first?.up ?? kubelet?.startedBoot;
}

export function trialOf(facts: TrialFacts): Trial {
  const { kubelet, boot, up } = facts;
  const begin = beginOf(facts);
  if (begin === undefined) return UNKNOWN;
  const ready = boot?.phases.findLast(({ name }) => name === 'kubelet.ready')?.up ?? -1;
  const running = { seconds: up - begin, hasServed: ready >= begin };
  // What an earlier kubelet did says nothing about a configuration that it has not read.
  if (kubelet === undefined || kubelet.startedBoot < begin) return { ...UNKNOWN, ...running };
  const { dropInsIgnored, earlyEnds = 0, startedBoot } = kubelet;
  return {
    ...running,
    isRefused: dropInsIgnored === true,
    keepsEnding: earlyEnds >= ENDS,
    servesFor: ready >= startedBoot ? up - startedBoot : undefined,
  };
}

/**
 * Judges files that join no cluster: whether kubelet runs is all there is to see. Returns why they are to be taken
 * back, that they are good, or undefined as long as neither is known.
 */
export function judgeAlone(
  trial: Trial,
  limitSeconds: number,
): { readonly fault: string } | 'good' | undefined {
  if (limitSeconds === 0) return 'good';
  if (trial.isRefused) return { fault: 'kubelet does not run with its drop-ins' };
  if (trial.keepsEnding) return { fault: 'kubelet keeps ending' };
  const { servesFor = 0, hasServed, seconds = 0 } = trial;
  if (servesFor >= Math.min(SETTLED_S, limitSeconds)) return 'good';
  const isLate = !hasServed && seconds >= limitSeconds;
  return isLate ? { fault: `kubelet did not serve within ${limitSeconds} s` } : undefined;
}

/** Returns why the configuration is to be taken back; undefined as long as it may yet succeed. */
export function trialFault(trial: Trial, limitSeconds: number): string | undefined {
  if (limitSeconds === 0) return undefined;
  if (trial.isRefused) return 'kubelet does not run with its drop-ins';
  const isLate = trial.seconds !== undefined && trial.seconds >= limitSeconds;
  return isLate ? `the node did not become Ready within ${limitSeconds} s` : undefined;
}
