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

it('a request that is there only as a copy of the limit has no fault of its own', () => {
  const pod = { spec: { containers: [{ resources: { limits: { cpus: 1 } } }] } };
  const fault = (list: string) => ({
    path: `${AT}.resources.${list}[cpus]`,
    kind: 'FieldValueInvalid',
    detail: 'must be a standard resource type or fully qualified',
  });
  const faults = [fault('limits'), fault('requests')];
  expect(kubeletFaults(pod, { value: pod, faults }).map(({ path }) => path)).toEqual([
    `${AT}.resources.limits[cpus]`,
  ]);
});
