import { startProgram } from '@kios/agent';

import { grow } from './verbs/grow.ts';

startProgram({ name: 'resize', commands: [grow] });
