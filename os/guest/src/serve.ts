/** Serves the pod's name over HTTP, and logs a greeting once it does. */
import { createServer } from 'node:http';

import { readParameters, SCRIPTS } from './scripts.ts';

const { port, greeting } = readParameters(SCRIPTS.serve);
createServer((_request, response) => response.end(process.env['HOSTNAME'])).listen(
  port,
  '0.0.0.0',
  () => process.stdout.write(`${greeting}\n`),
);
