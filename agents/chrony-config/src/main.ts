import { startProgram } from '@kios/agent';

import { render } from './verbs/render.ts';
import { status } from './verbs/status.ts';
import { wait } from './verbs/wait.ts';
import { watch } from './verbs/watch.ts';

startProgram({ name: 'chrony-config', commands: [render, watch, wait, status] });
