import * as v from 'valibot';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { probeManifest } from '../../../../src/checks/acceptance/standalone-probe.ts';
import { guestProgram } from '../../../../src/lab/guest-program.ts';

const Manifest = v.object({
  spec: v.object({ containers: v.array(v.object({ command: v.array(v.string()) })) }),
});

it('the manifest of the probe carries its program as it is', async () => {
  const { spec } = v.parse(Manifest, parse(await probeManifest()));
  expect(spec.containers[0]?.command[2]).toBe(await guestProgram('watch-standalone'));
});
