/**
 * Runs in a pod on the node under the runtime of the agents' images and prints a line of JSON for each probe, feature
 * or fact, or takes all that it can of something and says how much that was. It is not part of the image.
 */
import { release } from 'node:os';

import { BOMBS } from './bombs/all.ts';
import { look } from './facts.ts';
import { tryAll, tryRare } from './features/all.ts';
import { askMetadata, routeMetadata, serveMetadata } from './metadata.ts';
import { attempt, probeAll } from './probes/all.ts';
import { reach } from './reach.ts';
import { translate } from './service.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

function printAll(results: Iterable<readonly [name: string, result: string | null]>): void {
  print(JSON.stringify({ kernel: release() }));
  for (const [name, result] of results) printResult(name, result);
}

const printResult = (name: string, result: string | null): void =>
  print(JSON.stringify({ name, result }));

async function ask(replies: ReturnType<typeof reach>): Promise<void> {
  for await (const [address, reply] of replies) printResult(address, reply);
}

async function serve(addresses: readonly string[]): Promise<void> {
  printResult('metadata', await serveMetadata(addresses));
}

/** The pod of the host's network keeps its routes until it ends. */
async function route(addresses: readonly string[]): Promise<void> {
  await routeMetadata(addresses);
  await ask(askMetadata(addresses));
  setInterval(() => {}, 60_000);
}

/** Prints how much a bomb took, and keeps it until the pod is deleted. */
function explode(name: string): void {
  const bomb = BOMBS[name];
  if (bomb === undefined) throw new Error(`no bomb ${name}`);
  printResult(name, bomb());
  setInterval(() => {}, 60_000);
}

const [, , mode = '', ...names] = process.argv;
if (mode === 'attempt') print(attempt(names[0] ?? ''));
else if (mode === 'facts') printAll(look(names));
else if (mode === 'probes') printAll(probeAll());
else if (mode === 'features') printAll(tryAll());
else if (mode === 'rare') printAll(tryRare());
else if (mode === 'bomb') explode(names[0] ?? '');
else if (mode === 'metadata-serve') void serve(names);
else if (mode === 'metadata-route') void route(names);
else if (mode === 'metadata-ask') void ask(askMetadata(names));
else if (mode === 'reach') void ask(reach(names));
else if (mode === 'service') translate(names[0] ?? '', names[1] ?? '');
else throw new Error(`unknown mode ${mode}`);
