import { startProgram } from '@kios/agent';

import { PROGRAM } from './program.ts';

startProgram(PROGRAM);
