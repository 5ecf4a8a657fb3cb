import type { AgentProgram } from '@kios/agent';

import { coldplug } from './coldplug.ts';
import { load } from './load.ts';
import { missing } from './missing.ts';
import { resolve } from './resolve.ts';
import { run } from './run.ts';
import { status } from './status.ts';
import { why } from './why.ts';

export const PROGRAM: AgentProgram = {
  name: 'modloader',
  commands: [run, coldplug, load, resolve, status, why, missing],
};
