import type { TimeConfig } from './time-config.ts';

/** The clock of the machine's host, as the guest's kernel shows it. */
export interface HypervisorClock {
  /** The kernel's name for it, `/sys/class/ptp/ptp0/clock_name`. */
  readonly name: string;
  readonly device: string;
  /** Why the device does not open. */
  readonly fault: string | undefined;
}

/** chronyd's name for it: its first reference clock, of the kind PHC. */
export const CLOCK_ID = 'PHC0';

/**
 * Other clocks are those of network cards, which nobody may have set. The kernel numbers the clocks of its driver
 * `ptp_vmclock`: `vmclock0`.
 */
export const isHypervisorClock = (name: string): boolean =>
  /^(?:KVM virtual PTP|hyperv|ptp_vmclock|vmclock\d+)$/.test(name);

/** Returns why the clock is no source; undefined when it is one. A device that does not open would end chronyd. */
export function clockFault(
  { useHypervisorClock, usePlatform }: TimeConfig,
  { fault }: HypervisorClock,
): string | undefined {
  if (useHypervisorClock === false) return 'time.yaml has useHypervisorClock: false';
  if (useHypervisorClock === 'auto' && !usePlatform) return 'time.yaml has usePlatform: false';
  return fault;
}
