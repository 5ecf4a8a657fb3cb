import { EXIT, KiosError } from '@kios/errors';

import type { KernelFacts } from '../../core/loading/failure.ts';
import { isMonolithic, kernelFacts } from './linux-kernel.ts';

/** Fails early when no module can be loaded for lack of CAP_SYS_MODULE. */
export function requireCapability(
  { hasCapability }: Pick<KernelFacts, 'hasCapability'> = kernelFacts(),
  isNeeded = !isMonolithic(),
): void {
  if (hasCapability || !isNeeded) return;
  throw new KiosError('KIOS_CAPABILITY', 'load modules without CAP_SYS_MODULE', {
    exitCode: EXIT.permission,
    remedy: "Add SYS_MODULE to the container's capabilities.",
  });
}
