import * as v from 'valibot';

import { login, runPublish } from './run-publish.ts';

/** Publishes in a process of its own, which a test may kill. Its argument is JSON. */
const Arguments = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ home: v.string(), host: v.string(), ca: v.string() }),
);

const { home, host, ca } = v.parse(Arguments, process.argv[2]);
await login(`${home}/docker`, host);
process.env['DOCKER_CONFIG'] = `${home}/docker`;
process.stdout.write('ready\n');
const registry = { host, url: '', lines: [], ca: { file: ca, pem: '' } };
await runPublish({ home, registry: { ...registry, [Symbol.asyncDispose]: async () => {} } });
