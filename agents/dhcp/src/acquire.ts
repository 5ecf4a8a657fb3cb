import type { AgentContext } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';

import type { Flags } from './config.ts';
import { supervise } from './supervise.ts';

/** Gets one link an address and ends: what an init container does for the pods after it. */
export async function acquire(
  flags: Flags & { readonly timeout: number },
  { log, signal }: AgentContext,
): Promise<void> {
  const bound = new AbortController();
  const expired = flags.timeout > 0 ? [AbortSignal.timeout(flags.timeout * 1000)] : [];
  const until = AbortSignal.any([signal, bound.signal, ...expired]);
  await supervise(flags, { oneShot: true, onBound: () => bound.abort() }, log, until);
  if (bound.signal.aborted || signal.aborted) return;
  throw new KiosError('KIOS_DHCP_TIMEOUT', `acquire lease within ${flags.timeout} s`, {
    exitCode: EXIT.unavailable,
    remedy: 'Check the cable, the switch port and the DHCP server.',
  });
}
