/** Sends a signal to a process of the host, SIGKILL if none is named. */
import { readParameters, SCRIPTS } from './scripts.ts';

const { pid, signal } = readParameters(SCRIPTS.kill);
process.kill(pid, signal);
