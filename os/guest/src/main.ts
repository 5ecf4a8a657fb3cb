/**
 * Runs in a pod on the node under the runtime of the agents' images and prints a line of JSON for each probe, feature
 * or fact. It is not part of the image.
 */
import { release } from 'node:os';

import { look } from './facts.ts';
import { tryAll } from './features/all.ts';
import { attempt, probeAll } from './probes/all.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

function printAll(results: Iterable<readonly [name: string, result: string | null]>): void {
  print(JSON.stringify({ kernel: release() }));
  for (const [name, result] of results) print(JSON.stringify({ name, result }));
}

const [, , mode = '', ...names] = process.argv;
if (mode === 'attempt') print(attempt(names[0] ?? ''));
else if (mode === 'facts') printAll(look(names));
else if (mode === 'probes') printAll(probeAll());
else if (mode === 'features') printAll(tryAll());
else throw new Error(`unknown mode ${mode}`);
