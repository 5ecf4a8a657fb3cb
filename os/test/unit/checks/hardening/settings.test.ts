import { expect, it } from 'vitest';

import {
  formatSettings,
  parseSettings,
  readSettings,
} from '../../../../src/checks/hardening/settings.ts';

it('reads the rows of init’s table, and no comment', () => {
  const source = 'var Table = []Setting{\n\t// {"a/b", "0"}\n\t{"kernel/modprobe", ""},\n\t{"vm/x", "1"}, // why\n}\n'; // prettier-ignore
  const settings = parseSettings(source);
  expect(formatSettings(settings)).toBe('kernel.modprobe = \nvm.x = 1');
});

it('finds init’s own table, what is set late included', async () => {
  const names = (await readSettings()).map(({ name }) => name);
  expect(names).toContain('kernel/kptr_restrict');
  expect(names).toContain('net/core/bpf_jit_harden');
});
