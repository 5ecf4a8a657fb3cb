import { startProgram } from '@kios/agent';

import { PROGRAM } from './verbs/program.ts';

startProgram(PROGRAM);
