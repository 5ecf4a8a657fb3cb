import { startProgram } from '@kios/agent';

import { run } from './verbs/run.ts';
import { stage } from './verbs/stage.ts';
import { status } from './verbs/status.ts';

startProgram({ name: 'update', commands: [run, stage, status] });
