import { describe, expect, it } from 'vitest';

import type { Subject } from '../../../../src/checks/acceptance/assertion.ts';
import { LOG_ASSERTIONS, LOGS_OF_THE_BOOT_BEFORE } from '../../../../src/checks/acceptance/logs.ts';

const NODE = 'node-1';
const [all, last, files] = LOG_ASSERTIONS.map(({ check }) => check);

const shown = (log: string, text: string): string =>
  `Jul 01 12:00:00.000000 ${NODE} ${log}: ${text}\n`;

const HEALTHY: Readonly<Record<string, string>> = {
  kernel: shown('kernel', 'Linux version 6.12'),
  init: shown('init', '{"ev":"init.start"}') + shown('init', '{"ev":"kubelet.ready"}'),
  containerd: shown('containerd', 'msg="containerd successfully booted in 0.1s"'),
  kubelet: shown('kubelet', 'I0701 "Kubelet version" kubeletVersion="v1"'),
  'kios/kernel.log': '{"t":"2026-07-01T12:00:00.000Z","up":0,"lvl":"info","agent":"kernel","text":"x"}\n',
}; // prettier-ignore

/** A node whose kubelet answers with these logs, and what it was asked. */
function node(changed: Readonly<Record<string, string>> = {}) {
  const asked: URLSearchParams[] = [];
  const logs = { ...HEALTHY, ...changed };
  const call = (args: readonly string[]): Promise<string> => {
    const [path = '', query = ''] = args.at(-1)?.split('?') ?? [];
    expect(path).toBe(`/api/v1/nodes/${NODE}/proxy/logs/`);
    const parameters = new URLSearchParams(query);
    asked.push(parameters);
    const text = logs[parameters.get('query') ?? ''] ?? '';
    const lines = text.split(/(?<=\n)/).slice(-Number(parameters.get('tailLines') ?? 1000));
    return Promise.resolve(lines.join(''));
  };
  const fake: unknown = { kubectl: { call }, nodeName: NODE };
  return { asked, subject: fake as Subject }; // oxlint-disable-line no-unsafe-type-assertion
}

describe('the logs that kubelet shows', () => {
  it('hold on a healthy node', async () => {
    const { subject, asked } = node();
    expect(await all?.(subject)).toBe('1 of kernel, 2 of init, 1 of containerd, 1 of kubelet');
    expect(await last?.(subject)).toContain('kubelet.ready');
    expect(await files?.(subject)).toMatch(/^\d+ bytes$/);
    expect(asked.at(-2)?.toString()).toBe('query=init&boot=0&pattern=kubelet%5C.ready&tailLines=1');
  });

  it.each([
    ['of another node', { kernel: HEALTHY['kernel']!.replace(NODE, 'other') }, /another form/],
    ['of another log', { kernel: HEALTHY['init']! }, /another form/],
    ['without lines', { kubelet: '-- No entries --\n' }, /another form/],
    ['that begin late', { init: shown('init', '{"ev":"late"}') }, /no line with/],
    ['with a token', { kubelet: HEALTHY['kubelet'] + shown('kubelet', 'abcdef.0123456789abcdef') }, /tells a token: .*: …/],
  ])('do not hold %s', async (_, logs, message) => {
    await expect(all?.(node(logs).subject)).rejects.toThrow(message);
  }); // prettier-ignore

  it('do not hold when options do not count', async () => {
    const init = HEALTHY['init']! + shown('init', '{"ev":"other"}');
    await expect(last?.(node({ init }).subject)).rejects.toThrow('other');
  });

  it('do not hold in files without the boot clock', async () => {
    const logs = { 'kios/kernel.log': '{"t":"2026-07-01T12:00:00.000Z","lvl":"info"}\n' };
    await expect(files?.(node(logs).subject)).rejects.toThrow('a line is');
  });
});

describe('the logs of the boot before', () => {
  it('are those of one boot', async () => {
    const { subject, asked } = node();
    expect(await LOGS_OF_THE_BOOT_BEFORE.check(subject)).toBe('3 lines');
    expect(asked[0]?.get('boot')).toBe('-1');
  });

  it.each([
    ['none', 'journalctl: the node keeps no boot -1; the oldest is 0\n', 'keeps no boot'],
    ['those of two', HEALTHY['init']! + HEALTHY['init']!, 'of 2 boots'],
  ])('are not %s', async (_, init, message) => {
    await expect(LOGS_OF_THE_BOOT_BEFORE.check(node({ init }).subject)).rejects.toThrow(message);
  });
});
