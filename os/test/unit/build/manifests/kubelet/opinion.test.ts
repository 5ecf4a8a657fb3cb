import { expect, it } from 'vitest';

import { kubeletFaults } from '../../../../../src/build/manifests/kubelet/opinion.ts';

const POD = {
  spec: { containers: [{ image: { a: 1 }, imagePullPolicy: 'Sometimes', ports: 'no' }] },
};
const AT = 'spec.containers[0]';

it('of a value of a wrong type only what lies in it is a consequence, not what has a longer name', () => {
  const wrong = { path: `${AT}.image`, kind: 'WrongType', detail: 'string' };
  const faults = [
    wrong,
    { path: `${AT}.image.a`, kind: 'UnknownField', detail: '' },
    { path: `${AT}.imagePullPolicy`, kind: 'FieldValueNotSupported', detail: '"Never"' },
    { path: `${AT}.ports`, kind: 'WrongType', detail: 'list' },
    { path: `${AT}.ports[0]`, kind: 'FieldValueRequired', detail: '' },
  ];
  expect(kubeletFaults(POD, { value: POD, faults }).map(({ path }) => path)).toEqual([
    `${AT}.image`,
    `${AT}.imagePullPolicy`,
    `${AT}.ports`,
  ]);
});
