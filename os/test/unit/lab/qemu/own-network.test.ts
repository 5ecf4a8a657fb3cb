import { describe, expect, it } from 'vitest';

import { asksLoopback, networkWrapper } from '../../../../src/lab/qemu/own-network.ts';

const after = (words: readonly string[], flag: string): string | undefined =>
  words[words.indexOf(flag) + 1];

const pasta = ['pasta'];

describe('the wrapper', () => {
  const ports = { toMachine: [1], toWorkstation: [2, 3] };

  it('lets only the named ports of the loopback through, and nothing by the router’s address', () => {
    const words = networkWrapper(ports, { pasta, isRoot: false });
    expect(after(words, '--tcp-ports')).toBe('127.0.0.1/1');
    expect(after(words, '--tcp-ns')).toBe('2,3');
    expect(after(words, '--udp-ports')).toBe('none');
    expect(after(words, '--udp-ns')).toBe('none');
    // By default pasta leads the router's address to the workstation's loopback.
    expect(words).toContain('--no-map-gw');
  });

  it('names the address once for several ports, as pasta reads them', () => {
    const words = networkWrapper(
      { toMachine: [1, 4], toWorkstation: [] },
      { pasta, isRoot: false },
    );
    expect(after(words, '--tcp-ports')).toBe('127.0.0.1/1,4');
  });

  it('names no port as such, because pasta would forward all that are open', () => {
    const words = networkWrapper({ toMachine: [], toWorkstation: [] }, { pasta, isRoot: false });
    expect(after(words, '--tcp-ports')).toBe('none');
    expect(after(words, '--tcp-ns')).toBe('none');
  });

  it('leaves a user no capability, and root those that QEMU needs to give up root', () => {
    expect(after(networkWrapper(ports, { pasta, isRoot: false }), '--cap-drop')).toBe('ALL');
    expect(after(networkWrapper(ports, { pasta, isRoot: true }), '--cap-add')).toBe('ALL');
  });

  it('replaces the list of resolvers only when asked to', () => {
    expect(networkWrapper(ports, { pasta, isRoot: false })).not.toContain('--ro-bind');
    const resolvConf = '/run/systemd/resolve/stub-resolv.conf';
    const words = networkWrapper(ports, { pasta, isRoot: false, resolvConf });
    expect(after(words, 'resolv.conf')).toBe(resolvConf);
  });
});

it.each([
  ['nameserver 127.0.0.53\noptions edns0\n', true],
  ['search example.org\nnameserver 127.0.0.1\nnameserver 192.0.2.1\n', true],
  ['# nameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver 127.0.0.1\n', false],
  ['nameserver ::1\nnameserver\t192.0.2.1', false],
  ['', false],
])('a resolver on the loopback is the first in IPv4: %j', (text, expected) => {
  expect(asksLoopback(text)).toBe(expected);
});
