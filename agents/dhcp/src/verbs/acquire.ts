import type { AgentContext } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';

import type { AcquireFlags } from '../core/settings/flags.ts';
import { supervise } from './supervise.ts';

/** Gets one link an address and ends: what an init container does for the pods after it. */
export async function acquire(flags: AcquireFlags, { log, signal }: AgentContext): Promise<void> {
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
    : (['acquire lease', flags.timeout] as const);
  throw new KiosError('KIOS_DHCP_TIMEOUT', `${what} within ${seconds} s`, {
    exitCode: EXIT.unavailable,
    remedy: 'Check the cable, the switch port and the DHCP server.',
  });
}

/** A signal raised after so many seconds, unless it is lifted before; 0 is never. */
function deadline(seconds: number): { readonly signal: AbortSignal; readonly lift: () => void } {
  const controller = new AbortController();
  if (seconds <= 0) return { signal: controller.signal, lift: () => undefined };
  const timer = setTimeout(() => controller.abort(), seconds * 1000);
  return { signal: controller.signal, lift: () => clearTimeout(timer) };
}
