import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { detectProvider } from '../../src/core/providers/detect.ts';
import { isSeedOf } from '../../src/core/providers/seed-trust.ts';

const VECTOR = path.join(import.meta.dirname, '../../../../packages/host-api/vectors/clouds.json');
const Machines = v.array(
  v.object({
    name: v.string(),
    dmi: v.record(v.string(), v.string()),
    labels: v.array(v.string()),
  }),
);
const machines = v.parse(Machines, JSON.parse(readFileSync(VECTOR, 'utf8')));

/** Init takes a network file from the same volumes from which this agent takes user data. */
it.each(machines)('on $name the volumes $labels count', ({ dmi, labels }) => {
  const facts = (label: string) => ({
    dmi: {
      sysVendor: dmi['sys_vendor'] ?? '',
      productName: dmi['product_name'] ?? '',
      productSerial: dmi['product_serial'] ?? '',
      productUuid: dmi['product_uuid'] ?? '',
      chassisAssetTag: dmi['chassis_asset_tag'] ?? '',
    },
    seeds: [label],
    hasFwCfg: false,
  });
  const counting = (['cidata', 'config-2'] as const).filter((label) =>
    isSeedOf(label, detectProvider(facts(label)).provider),
  );
  expect(counting).toEqual(labels);
});
