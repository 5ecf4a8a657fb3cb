import { setTimeout as sleep } from 'node:timers/promises';

import { parseConsoleLine } from '../../lab/qemu/console-line.ts';
import { type Assertion, demand } from './assertion.ts';

/** modloader loads the profiles that can wait half a minute after the node's start. */
const DEADLINE_MS = 180_000;

/** Returns the module names in modloader's log, by event. */
export function modulesOf(log: string): ReadonlyMap<string, readonly string[]> {
  const events = log.split('\n').flatMap((line) => parseConsoleLine(line) ?? []);
  const names = Map.groupBy(events, ({ ev }) => ev);
  return new Map(
    [...names].map(([ev, of]) => [ev, of.map(({ fields }) => String(fields['name']))]),
  );
}

export const MODULE_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'modules of the image are loaded, and none fails',
    check: async ({ kubectl, nodeName }) => {
      const end = Date.now() + DEADLINE_MS;
      for (;;) {
        const log = ['-n', 'kube-system', 'logs', `pod/modloader-${nodeName}`];
        const events = modulesOf(await kubectl.call(log));
        const [loaded = [], failed = []] = [events.get('mod.load'), events.get('mod.fail')];
        demand(failed.length === 0, `${failed.join(', ')} failed to load`);
        if (events.has('later.done')) {
          demand(loaded.length > 0, 'none was loaded');
          return loaded.join(', ');
        }
        demand(Date.now() < end, 'modloader does not finish its profiles');
        await sleep(1000);
      }
    },
  },
];
