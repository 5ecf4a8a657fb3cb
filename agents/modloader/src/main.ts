import { startProgram } from '@kios/agent';

import { coldplugVerb } from './verbs/coldplug.ts';
import { loadVerb } from './verbs/load.ts';
import { resolveVerb } from './verbs/resolve.ts';
import { runVerb } from './verbs/run.ts';
import { statusVerb } from './verbs/status.ts';

startProgram({
  name: 'modloader',
  commands: [runVerb, coldplugVerb, loadVerb, resolveVerb, statusVerb],
});
