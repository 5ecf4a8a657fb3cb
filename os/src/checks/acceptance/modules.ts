import { setTimeout as sleep } from 'node:timers/promises';

import { parseConsoleLine } from '../../lab/qemu/console-line.ts';
import { type Assertion, demand } from './assertion.ts';

/** Profiles that can wait are loaded half a minute after the node's start. */
const DEADLINE_MS = 180_000;

/** What modloader logged by event: names of the modules, or of none. */
export function modulesOf(log: string): ReadonlyMap<string, readonly string[]> {
  const events = log.split('\n').flatMap((line) => parseConsoleLine(line) ?? []);
  const names = Map.groupBy(events, ({ ev }) => ev);
  return new Map(
    [...names].map(([ev, of]) => [ev, of.map(({ fields }) => String(fields['name']))]),
  );
}

export const MODULE_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'the image’s modules are loaded, and none is refused',
    check: async ({ kubectl, nodeName }) => {
      const end = Date.now() + DEADLINE_MS;
      for (;;) {
        const log = ['-n', 'kube-system', 'logs', `pod/modloader-${nodeName}`];
        const events = modulesOf(await kubectl.call(log));
        const [loaded = [], failed = []] = [events.get('mod.load'), events.get('mod.fail')];
        demand(failed.length === 0, `${failed.join(', ')} could not be loaded`);
        if (events.has('later.done')) {
          demand(loaded.length > 0, 'not one was loaded');
          return loaded.join(', ');
        }
        demand(Date.now() < end, 'modloader does not come to the end of its profiles');
        await sleep(1000);
      }
    },
  },
];
