import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Returns a file of the folder `fixtures`. */
export const fixture = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, 'fixtures', name), 'utf8');

/** Three CAs without a certificate in common. */
export const CA_A = fixture('ca-a.crt');
export const CA_B = fixture('ca-b.crt');
export const CA_C = fixture('ca-c.crt');
/** The certificate of `node-1`, signed by the first. */
export const CLIENT = fixture('client.crt');
