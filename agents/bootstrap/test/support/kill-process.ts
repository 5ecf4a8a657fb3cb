import { createLogger } from '@kios/agent';

import type { Settings } from '../../src/core/settings/settings.ts';
import { joinNode } from '../../src/verbs/join.ts';

/** Joins and is killed (-9) when the named step is done. Arguments: settings as JSON, the step. */
const [settings = '', step] = process.argv.slice(2);
const isSettings = (value: unknown): value is Settings =>
  typeof value === 'object' && value !== null && 'etc' in value;
const parsed: unknown = JSON.parse(settings);
if (!isSettings(parsed)) throw new Error('no settings');

await joinNode({
  settings: parsed,
  log: createLogger('bootstrap'),
  signal: new AbortController().signal,
  onPlaced: (file) => {
    if ((file ?? 'staged') === step) process.kill(process.pid, 'SIGKILL');
  },
});
