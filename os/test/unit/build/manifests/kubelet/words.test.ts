import { expect, it } from 'vitest';

import { faultText } from '../../../../../src/build/manifests/fault.ts';
import type { JudgedFault } from '../../../../../src/build/manifests/kubelet/verdict.ts';
import { wordFault } from '../../../../../src/build/manifests/kubelet/words.ts';

const POD = {
  metadata: { name: 'My_Pod' },
  spec: {
    dnsPolicy: 'Host',
    hostNetwrok: true,
    containers: [{ name: '', ports: [{ containerPort: 99_999 }], volumeMounts: [{ name: 'v' }] }],
    volumes: [{ hostPath: [] }],
  },
};

const ROWS: [string, Partial<JudgedFault>, string][] = [
  ['metadata.name', { kind: 'FieldValueInvalid', value: 'My_Pod-node', detail: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'" }, 'is "My_Pod", must be lower-case letters, digits, - and ., at most 253 characters'],
  ['spec.containers[0].ports[0].containerPort', { kind: 'FieldValueInvalid', value: 99_999, detail: 'must be between 1 and 65535, inclusive' }, 'is 99999, must be from 1 to 65535'],
  ['spec.dnsPolicy', { kind: 'FieldValueNotSupported', value: 'Host', detail: 'supported values: "ClusterFirst", "Default"' }, 'is "Host", must be one of ClusterFirst, Default'],
  ['spec.containers[0].name', { kind: 'FieldValueRequired' }, 'is empty'],
  ['spec.containers[0].image', { kind: 'FieldValueRequired' }, 'is missing'],
  ['spec.containers[0].volumeMounts[0].name', { kind: 'FieldValueNotFound', value: 'v' }, 'is "v", which is no volume of the pod'],
  ['spec.containers[0].name', { kind: 'FieldValueDuplicate', value: 'a' }, 'is "", which another one has already'],
  ['spec.hostNetwrok', { kind: 'UnknownField', detail: 'hostIPC hostNetwork hostPID' }, 'is not a field of this object; the nearest is hostNetwork'],
  ['spec.colour', { kind: 'UnknownField', detail: 'hostIPC hostNetwork hostPID' }, 'is not a field of this object'],
  ['spec.hostNetwork', { kind: 'WrongType', value: 'so', detail: 'bool' }, 'is string, must be boolean'],
  ['spec.x', { kind: 'WrongType', value: 2 ** 40, detail: 'int32' }, 'is 1099511627776, must be integer of 32 bits'],
  ['spec.x', { kind: 'WrongType', value: '64Gb', detail: 'quantity' }, 'is "64Gb", must be a quantity such as 128Mi'],
  ['spec.volumes[0].hostPath', { kind: 'WrongType', detail: 'object' }, 'is list, must be object'],
  ['spec.x', { kind: 'FieldValueForbidden', detail: 'may not specify more than 1 volume type' }, 'is a second source of its volume'],
  ['spec.x', { kind: 'FieldValueForbidden', detail: 'says no' }, 'is refused by kubelet: “says no”'],
  ['spec.x', { kind: 'FieldValueTooLong', detail: 'may not be more than 9 bytes' }, 'is refused by kubelet: “may not be more than 9 bytes”'],
]; // prettier-ignore

it.each(ROWS)('words what kubelet says of %s: %j', (path, fault, words) => {
  expect(faultText(wordFault(POD, { path, kind: '', detail: '', ...fault }))).toBe(
    `${path}: ${words}`,
  );
});
