import { startProgram } from '@kios/agent';

import { watch } from './verbs/watch.ts';

startProgram({ name: 'lifecycle', commands: [watch] });
