import { EXIT, KiosError } from '@kios/errors';
import { describe, expect, it } from 'vitest';

import { explain, formatExplanation } from '../../../../src/workstation/terminal/explain.ts';

describe('a failure', () => {
  it('keeps its code, exit code and remedy, and names its causes', () => {
    const cause = new Error('mformat: no such program');
    const error = new KiosError('KIOS_SEED', 'write the seed', {
      cause,
      exitCode: EXIT.system,
      remedy: 'Install mtools.',
    });
    expect(explain(error)).toEqual({
      message: 'write the seed: mformat: no such program',
      code: 'KIOS_SEED',
      exitCode: EXIT.system,
      remedy: 'Install mtools.',
    });
  });

  it.each([
    ['KIOS_DISK_FULL', "ENOSPC: no space left on device, write '/x'"],
    ['KIOS_DISK_FULL', 'go: writing /tmp/a: No space left on device'],
    ['KIOS_PORT_IN_USE', 'listen EADDRINUSE: address already in use 127.0.0.1:6443'],
    ['KIOS_NETWORK', 'getaddrinfo ENOTFOUND registry'],
    ['KIOS_NETWORK', 'dial tcp: lookup proxy on 10.0.0.1:53: no such host'],
    ['KIOS_NETWORK', "Temporary failure resolving 'deb'"],
  ])('of the system is %s at any depth: %s', (code, message) => {
    const error = new KiosError('KIOS_COMMAND', 'run go build', { cause: new Error(message) });
    expect(explain(error).code).toBe(code);
  });

  it('of a known cause shows only the line with the cause', () => {
    const printed = "Ign:1 trixie InRelease\n  Temporary failure resolving 'deb'\nReading lists...";
    expect(explain(new KiosError('KIOS_COMMAND', `run apt-get update: ${printed}`)).message).toBe(
      "run apt-get update: Temporary failure resolving 'deb'",
    );
  });

  it('that is not a KiosError is a bug', () => {
    expect(explain(new TypeError('x is not a function'))).toMatchObject({
      message: 'go on: x is not a function',
      code: 'KIOS_BUG',
      exitCode: EXIT.bug,
    });
    expect(explain(undefined).message).toBe('go on: unknown cause');
  });

  it('is one line with its code, then the program’s output and the remedy', () => {
    const lines = formatExplanation({
      message: 'run go build: first\nsecond\n',
      code: 'KIOS_COMMAND',
      exitCode: EXIT.system,
      remedy: 'Try again.',
    });
    expect(lines).toEqual([
      'kios: cannot run go build: first [KIOS_COMMAND]',
      '  second',
      'kios: Try again.',
    ]);
  });
});
