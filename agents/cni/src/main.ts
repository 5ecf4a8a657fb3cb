import { startProgram } from '@kios/agent';

import { installVerb } from './verbs/install.ts';

startProgram({ name: 'cni', version: '0.1.0', commands: [installVerb] });
