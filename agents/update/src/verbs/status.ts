import { writeFileSync } from 'node:fs';

import { command } from '@kios/agent';

import { FLAGS, toSettings } from '../core/settings/settings.ts';
import { MemoryFile, readRecord, SlotsFile } from '../edge/host/host.ts';

export const status = command({
  command: 'status',
  describe: 'Print what init and this agent know of the systems on the medium, as JSON',
  isReadOnly: true,
  builder: (args) => args.options(FLAGS),
  async run(args) {
    const { slots, os, state } = toSettings(args);
    const known = {
      slots: await new SlotsFile(slots, () => 0).read(),
      wanted: await readRecord(os),
      memory: await new MemoryFile(state).read(),
    };
    writeFileSync(1, `${JSON.stringify(known, undefined, 2)}\n`);
  },
});
