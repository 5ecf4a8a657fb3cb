import { startProgram } from '@kios/agent';

import { installVerb } from './verbs/install.ts';

startProgram({ name: 'cni', commands: [installVerb] });
