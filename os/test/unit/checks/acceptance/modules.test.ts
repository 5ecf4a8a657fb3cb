import { expect, it } from 'vitest';

import { modulesOf } from '../../../../src/checks/acceptance/modules.ts';

it('reads which modules were loaded and which failed', () => {
  const log = [
    '{"ev":"mod.load","agent":"modloader","name":"sunrpc"}',
    'not a line of ours',
    '{"ev":"mod.fail","agent":"modloader","name":"kvm","errno":"EKEYREJECTED"}',
    '{"ev":"mod.load","agent":"modloader","name":"nfs"}',
    '{"ev":"later.done","agent":"modloader","devices":3}',
  ];
  const events = modulesOf(log.join('\n'));
  expect(events.get('mod.load')).toEqual(['sunrpc', 'nfs']);
  expect(events.get('mod.fail')).toEqual(['kvm']);
  expect(events.has('later.done')).toBe(true);
});
