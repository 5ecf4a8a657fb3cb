/** Kills a process of the host. */
import { readParameters, SCRIPTS } from './scripts.ts';

process.kill(readParameters(SCRIPTS.kill).pid, 'SIGKILL');
