/** Prints the users to whom files belong, as the pod sees them, and the host's user that is the pod's root. */
import { readFileSync, statSync } from 'node:fs';

import { readParameters, SCRIPTS } from './scripts.ts';

const { files } = readParameters(SCRIPTS.owners);
const owners = files.map((file) => statSync(file).uid);
// user_namespaces(7): the first user inside, the first outside, how many.
const [, outside] = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/);
process.stdout.write(`${JSON.stringify({ owners, outside: Number(outside) })}\n`);
