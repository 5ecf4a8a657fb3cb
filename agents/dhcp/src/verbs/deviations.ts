import { command } from '@kios/agent';

import { DEVIATIONS } from '../core/settings/deviations.ts';

/** Prints where the client knowingly leaves the RFCs. */
export async function printDeviations(): Promise<void> {
  process.stdout.write(`${JSON.stringify({ deviations: DEVIATIONS })}\n`);
}

/** `dhcp --deviations` does the same. */
export const deviations = command({
  command: 'deviations',
  describe: 'Print as JSON where the client leaves the RFCs, and why',
  isReadOnly: true,
  builder: (args) => args,
  run: printDeviations,
});
