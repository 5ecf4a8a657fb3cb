/** Serves the pod's name over HTTP and prints a greeting once it listens. */
import { createServer } from 'node:http';

import { readParameters, SCRIPTS } from './scripts.ts';

const { port, greeting } = readParameters(SCRIPTS.serve);
createServer((_request, response) => response.end(process.env['HOSTNAME'])).listen(
  port,
  '0.0.0.0',
  () => process.stdout.write(`${greeting}\n`),
);
