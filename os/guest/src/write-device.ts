/** Writes bytes to a block device, as a pod with a raw block volume can. */
import { fsyncSync, openSync, writeSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

import { readParameters, SCRIPTS } from './scripts.ts';

const { device, gzip } = readParameters(SCRIPTS['write-device']);
const bytes = gunzipSync(Buffer.from(gzip, 'base64'));
const file = openSync(device, 'r+');
for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
fsyncSync(file);
process.stdout.write(`${bytes.length} bytes to ${device}\n`);
