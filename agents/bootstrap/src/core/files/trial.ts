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
}

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
  if (begin === undefined) return { seconds: undefined, isRefused: false, hasServed: false };
  const ready = boot?.phases.findLast(({ name }) => name === 'kubelet.ready');
  // What an earlier kubelet did says nothing about a configuration that it has not read.
  return {
    seconds: up - begin,
    isRefused: kubelet?.dropInsIgnored === true && kubelet.startedBoot >= begin,
    hasServed: ready !== undefined && ready.up >= begin,
  };
}

/** Returns why the configuration is to be taken back; undefined as long as it may yet succeed. */
export function trialFault(trial: Trial, limitSeconds: number): string | undefined {
  if (limitSeconds === 0) return undefined;
  if (trial.isRefused) return 'kubelet does not run with its drop-ins';
  const isLate = trial.seconds !== undefined && trial.seconds >= limitSeconds;
  return isLate ? `the node did not become Ready within ${limitSeconds} s` : undefined;
}
