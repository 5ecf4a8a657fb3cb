import * as v from 'valibot';

import { serve, ServeOptions } from './serve.ts';

/** A metadata service as a process: options as JSON in the first argument, one line of JSON for each request. */
const options = v.parse(v.pipe(v.string(), v.parseJson(), ServeOptions), process.argv[2]);
const tell = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const port = await serve(options, (served) => tell({ served }));
tell({ ready: port });
