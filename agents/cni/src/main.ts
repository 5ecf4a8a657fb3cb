import { startProgram } from '@kios/agent';

import { install } from './verbs/install.ts';

startProgram({ name: 'cni', commands: [install] });
