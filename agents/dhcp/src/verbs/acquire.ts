import type { AgentContext } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';

import { ACQUIRE_FLAGS, type AcquireFlags } from '../core/settings/flags.ts';
import { linkVerb } from './link-verb.ts';
import { supervise } from './supervise.ts';

/** Gets one link an address and ends: an init container does this for the pods after it. */
export const acquire = linkVerb(
  'acquire',
  'Get one link an address and end',
  ACQUIRE_FLAGS,
  acquireLease,
);

async function acquireLease(flags: AcquireFlags, { log, signal }: AgentContext): Promise<void> {
  const bound = new AbortController();
  const late = deadline(flags.timeout);
  const unplugged = deadline(flags.carrierTimeout);
  const mode = { oneShot: true, onCarrier: unplugged.lift, onBound: () => bound.abort() };
  const until = AbortSignal.any([signal, bound.signal, late.signal, unplugged.signal]);
  try {
    await supervise(flags, mode, log, until);
  } finally {
    late.lift();
    unplugged.lift();
  }
  if (bound.signal.aborted || signal.aborted) return;
  const [what, seconds] = unplugged.signal.aborted
    ? (['find a connected link', flags.carrierTimeout] as const)
    : (['acquire a lease', flags.timeout] as const);
  throw new KiosError('KIOS_DHCP_TIMEOUT', `${what} within ${seconds} s`, {
    exitCode: EXIT.unavailable,
    remedy: 'Check the cable, the switch port and the DHCP server.',
  });
}

/** Returns a signal that is raised after the seconds unless it is lifted before; 0 never raises it. */
function deadline(seconds: number): { readonly signal: AbortSignal; readonly lift: () => void } {
  const controller = new AbortController();
  if (seconds <= 0) return { signal: controller.signal, lift: () => undefined };
  const timer = setTimeout(() => controller.abort(), seconds * 1000);
  return { signal: controller.signal, lift: () => clearTimeout(timer) };
}
