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
  ['spec.x', { kind: 'FieldValueForbidden', detail: 'says no' }, 'must not be set beside the rest of the pod: “says no”'],
  ['spec.containers[0].livenessProbe.httpGet.port', { kind: 'FieldValueInvalid', value: '80', detail: 'must contain at least one letter (a-z)' }, 'is "80", must be lower-case letters, digits and -, at most 15 characters, with a letter'],
  ['metadata.labels', { kind: 'FieldValueInvalid', detail: 'a valid label key must consist of alphanumeric characters, \'-\', \'_\' or \'.\', and must start and end with an alphanumeric character' }, 'has a key that is not a name such as app or example.org/app'],
  ['spec.x', { kind: 'FieldValueInvalid', value: 'cpus', detail: 'must be a standard resource type or fully qualified' }, 'is not the name of a resource: those are cpu, memory, ephemeral-storage, hugepages-SIZE and DOMAIN/NAME'],
  ['spec.x', { kind: 'FieldValueInvalid', value: 'status.hostIp', detail: 'error converting fieldPath: field label not supported: status.hostIp' }, 'is "status.hostIp", must be a field that a pod offers, such as metadata.name, spec.nodeName or status.podIP'],
  ['spec.x', { kind: 'FieldValueInvalid', detail: 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true' }, 'has allowPrivilegeEscalation: false beside privileged: true'],
  ['spec.x', { kind: 'FieldValueInvalid', detail: 'must not have more than 3 nameservers' }, 'must have at most 3 nameservers'],
  ['spec.x', { kind: 'FieldValueInvalid', value: '1Gi', detail: 'must be greater than or equal to aggregate container requests of 2Gi' }, 'is "1Gi", must be at least 2Gi, the requests of the containers together'],
  ['spec.x', { kind: 'FieldValueForbidden', detail: 'cannot be set until all schedulingGates have been cleared' }, 'is the node’s own, so the pod must not have schedulingGates'],
  ['spec.x', { kind: 'FieldValueForbidden', detail: 'Bidirectional mount propagation is available only to privileged containers' }, 'must not be Bidirectional without securityContext.privileged: true'],
  ['spec.x', { kind: 'FieldValueTooLong', detail: 'may not be more than 9 bytes' }, 'must be at most 9 bytes'],
  ['spec.x', { kind: 'FieldValueTooLong', detail: 'may not be more than 1 character' }, 'must be at most 1 character'],
  ['spec.x', { kind: 'FieldValueTooLong', detail: 'value is too long' }, 'is too long'],
  ['spec.x', { kind: 'FieldValueTooShort', detail: 'must be at least 2 characters' }, 'must be at least 2 characters'],
  ['spec.x', { kind: 'FieldValueTooMany', value: 21, detail: 'must have at most 20 items' }, 'must have at most 20 items'],
  ['spec.x', { kind: 'FieldValueTooFew', value: 0, detail: 'must have at least 1 item' }, 'must have at least 1 item'],
  ['spec.volumes[0].hostPath', { kind: 'FieldValueTypeInvalid', detail: 'must be an object' }, 'is list, which is a wrong type here'],
  ['spec.x', { kind: 'InternalError', detail: 'unknown type' }, 'cannot be judged by kubelet, which refuses it therefore; its own words are “unknown type”'],
]; // prettier-ignore

/** Kinds of Kubernetes' validation; `integration/manifest-check` compares them with the sources. */
it.each([
  'NotFound', 'Required', 'Duplicate', 'Invalid', 'NotSupported', 'Forbidden', 'TypeInvalid',
  'TooLong', 'TooShort', 'TooMany', 'TooFew',
])('has words of its own for FieldValue%s', (kind) => {
  const fault = { path: 'spec.x', kind: `FieldValue${kind}`, value: undefined, detail: '' };
  expect(wordFault(POD, fault).cause).not.toContain('refused by kubelet');
}); // prettier-ignore

const CONFIG = { maxPods: -1, imageGCHighThresholdPercent: 70, topologyManagerPolicy: 'Often', featureGates: { A: true }, cpuCFSQuotaPeriod: '2s' }; // prettier-ignore

it.each([
  ['maxPods', 'invalid configuration: maxPods (--max-pods) -1 must not be a negative number', 'is -1, must not be negative'],
  ['cpuCFSQuotaPeriod', 'invalid configuration: cpuCFSQuotaPeriod (--cpu-cfs-quota-period) 2s must be between 1ms and 1sec, inclusive', 'is "2s", must be from 1ms to 1sec'],
  ['topologyManagerPolicy', 'invalid configuration: topologyManagerPolicy (--topology-manager-policy) "Often" must be one of: ["none" "best-effort"]', 'is "Often", must be one of best-effort, none'],
  ['featureGates', 'unrecognized feature gate: A', 'has A, which kubelet does not know'],
  ['imageGCHighThresholdPercent', 'invalid configuration: imageGCLowThresholdPercent (--image-gc-low-threshold) 80 must be less than imageGCHighThresholdPercent (--image-gc-high-threshold) 70', 'is 70, with which kubelet refuses its configuration: “imageGCLowThresholdPercent (--image-gc-low-threshold) 80 must be less than imageGCHighThresholdPercent (--image-gc-high-threshold) 70”'],
])('words what kubelet refuses of its field %s', (path, detail, words) => {
  expect(faultText(wordFault(CONFIG, { path, kind: 'Refused', detail }))).toBe(`${path}: ${words}`);
}); // prettier-ignore

it.each(ROWS)('words what kubelet says of %s: %j', (path, fault, words) => {
  expect(faultText(wordFault(POD, { path, kind: '', detail: '', ...fault }))).toBe(
    `${path}: ${words}`,
  );
});
