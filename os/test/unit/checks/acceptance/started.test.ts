import { expect, it } from 'vitest';

import { startedBeforeJoin } from '../../../../src/checks/acceptance/started.ts';

const log = (message: string): string =>
  `containerd: time="2026-11-26T22:59:41Z" level=info msg="${message.replaceAll('"', '\\"')}"`;
const sandbox = log(
  'RunPodSandbox for name:"dhcp-kios"  uid:"u-1"  namespace:"kube-system" returns sandbox id "aa"',
);
const created = (id: string, name: string, attempt = ''): string =>
  log(
    `CreateContainer within sandbox "aa" for name:"${name}"${attempt} returns container id "${id}"`,
  );
const started = (id: string): string => log(`StartContainer for "${id}" returns successfully`);
const kubelet = (mode: string): string =>
  `init: {"up":7.1,"agent":"init","ev":"kubelet.start","mode":"${mode}","hostname":"kios"}`;

it('finds the containers that ran before the node joined, with their pod', () => {
  const lines = [
    kubelet('standalone'),
    sandbox,
    created('c1', 'acquire'),
    log('StartContainer for "c1"'),
    started('c1'),
    created('c2', 'run', '  attempt:1'),
    started('c2'),
    created('c3', 'late'),
    kubelet('cluster'),
    started('c3'),
  ];
  const pod = { pod: 'dhcp-kios', podUid: 'u-1', sandbox: 'aa' };
  expect(startedBeforeJoin(lines.join('\n'))).toEqual([
    { ...pod, name: 'acquire', id: 'c1' },
    { ...pod, name: 'run', id: 'c2' },
  ]);
});

it('finds none in the log of a node that has not joined', () => {
  const lines = [kubelet('standalone'), sandbox, created('c1', 'acquire'), started('c1')];
  expect(startedBeforeJoin(lines.join('\n'))).toEqual([]);
});
