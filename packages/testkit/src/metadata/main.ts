import * as v from 'valibot';

import { serve, ServeOptions } from './serve.ts';

/** Runs a metadata service: options as JSON in the first argument, one line of JSON for each request. */
const options = v.parse(v.pipe(v.string(), v.parseJson(), ServeOptions), process.argv[2]);
const print = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const port = await serve(options, (served) => print({ served }));
print({ ready: port });
