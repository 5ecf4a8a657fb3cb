/** Holds all processes of a control group, process 1 too, so that they do nothing any more and do not end. */
import { writeFileSync } from 'node:fs';

import { readParameters, SCRIPTS } from './scripts.ts';

writeFileSync(`${readParameters(SCRIPTS.freeze).group}/cgroup.freeze`, '1');
