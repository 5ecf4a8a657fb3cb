import { expect, it } from 'vitest';

import { compare, compareLines } from '../../../../src/artefact/inspect/diff.ts';
import type { Inspection } from '../../../../src/artefact/inspect/model.ts';

const part = { bytes: 1536, sha256: 'a'.repeat(64) };

const before: Inspection = {
  file: 'old.efi',
  kind: 'efi',
  bytes: 10_000_000,
  efi: {
    ...part,
    sections: [{ name: '.linux', ...part }],
    commandLine: 'quiet',
    kernel: '6',
    early: [],
  },
  root: {
    ...part,
    release: { version: '1.0.0', buildTime: 'today', kernel: '6', arch: 'amd64' },
    files: [{ name: '/etc/hosts', stored: 0, ...part }],
    programs: [{ file: '/bin/runc', bytes: 1, module: 'runc', version: 'v1', go: 'go1' }],
    images: [],
    pods: [
      {
        file: 'one.yaml',
        key: 'kube-system/one',
        uid: '',
        sha256: 'b'.repeat(64),
        host: [],
        containers: [
          {
            name: 'run',
            image: 'i',
            isInit: false,
            capabilities: [],
            privileged: false,
            readOnlyRoot: true,
            mounts: [],
          },
        ],
      },
    ],
  },
  shares: [
    { what: 'kernel', bytes: 4096 },
    { what: 'rest', bytes: 1 },
  ],
};

const lines = (after: Inspection): string[] => compareLines(before, after, compare(before, after));

it('reports nothing for equal artefacts, whatever their names', () => {
  expect(lines({ ...before, file: 'new.efi' })).toEqual(['old.efi and new.efi hold the same']);
});

it('shows a changed program by its version, and a changed content by size and digest', () => {
  const { efi, root } = before;
  const changed = lines({
    ...before,
    bytes: 10_002_048,
    efi: { ...efi!, sections: [{ name: '.linux', bytes: 2048, sha256: 'c'.repeat(64) }] },
    root: { ...root, programs: [{ ...root.programs[0]!, version: 'v2' }] },
  });
  expect(changed).toEqual([
    '--- old.efi, 9.5 MiB',
    '+++ old.efi, 9.5 MiB (+2.0 KiB)',
    '~ program /bin/runc  runc v1 go1 → runc v2 go1',
    `~ section .linux  1.5 KiB ${'a'.repeat(16)} → 2.0 KiB ${'c'.repeat(16)}`,
  ]);
});

it('names each right that a pod gains or loses', () => {
  const [pod] = before.root.pods;
  const container = {
    ...pod!.containers[0]!,
    capabilities: ['SYS_ADMIN'],
    privileged: true,
    mounts: [{ from: '/', to: '/host', readOnly: false }],
  };
  const after = {
    ...before,
    root: { ...before.root, pods: [{ ...pod!, host: ['PID'], containers: [container] }] },
  };
  expect(lines(after).slice(2)).toEqual([
    '~ pod kube-system/one/run privileged  false → true',
    '+ pod kube-system/one host’s PID',
    '+ pod kube-system/one/run capability SYS_ADMIN',
    '+ pod kube-system/one/run mount / at /host  writable',
  ]);
});

it('lists what grew and shrank, the largest change first', () => {
  const after = {
    ...before,
    shares: [
      { what: 'kernel', bytes: 96 },
      { what: 'new', bytes: 2048 },
      { what: 'rest', bytes: 1 },
    ],
  };
  expect(compare(before, after).growth).toEqual([
    { what: 'kernel', bytes: -4000 },
    { what: 'new', bytes: 2048 },
  ]);
});
