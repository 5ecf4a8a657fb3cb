import { startProgram } from '@kios/agent';

import { READ_NETWORK } from './core/network/read-network.ts';
import { acquire } from './verbs/acquire.ts';
import { deviations, printDeviations } from './verbs/deviations.ts';
import { readNetwork } from './verbs/read-network.ts';
import { release } from './verbs/release.ts';
import { run } from './verbs/run.ts';
import { status } from './verbs/status.ts';

startProgram({
  name: 'dhcp',
  commands: [acquire.command, run.command, release.command, status, deviations],
  // Loading the parser would delay the first packet.
  quick: ([verb, ...line]) => {
    if (verb === 'acquire') return acquire.quick(line);
    if (verb === 'run') return run.quick(line);
    if (verb === READ_NETWORK) return readNetwork;
    return verb === '--deviations' ? printDeviations : undefined;
  },
});
