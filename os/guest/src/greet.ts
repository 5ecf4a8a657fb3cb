/** Prints the body of an HTTP reply. */
import { readParameters, SCRIPTS } from './scripts.ts';

async function greet(): Promise<void> {
  const response = await fetch(readParameters(SCRIPTS.greet).url);
  process.stdout.write(`${await response.text()}\n`);
}

void greet();
