import type { AgentProgram } from '@kios/agent';

import { coldplug } from './verbs/coldplug.ts';
import { load } from './verbs/load.ts';
import { missing } from './verbs/missing.ts';
import { resolve } from './verbs/resolve.ts';
import { run } from './verbs/run.ts';
import { status } from './verbs/status.ts';
import { why } from './verbs/why.ts';

export const PROGRAM: AgentProgram = {
  name: 'modloader',
  commands: [run, coldplug, load, resolve, status, why, missing],
};
