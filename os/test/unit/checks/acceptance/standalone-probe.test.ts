import { Script } from 'node:vm';

import * as v from 'valibot';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { probeManifest } from '../../../../src/checks/acceptance/standalone-probe.ts';

const Manifest = v.object({
  spec: v.object({ containers: v.array(v.object({ command: v.array(v.string()) })) }),
});

it('the probe’s script is JavaScript', () => {
  const { spec } = v.parse(Manifest, parse(probeManifest()));
  const script = spec.containers[0]?.command[2] ?? '';
  expect(new Script(script)).toBeInstanceOf(Script);
});
