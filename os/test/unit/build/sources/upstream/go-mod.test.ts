import { describe, expect, it } from 'vitest';

import {
  compareGoVersions,
  moduleOf,
  parseGoMod,
} from '../../../../../src/build/sources/upstream/go-mod.ts';

const text = `module kios.dev/upstream/example

go 1.26.8

tool example.org/single

tool (
	example.org/deep/v2/cmd/one // why
	example.org/other/two
)

require (
	example.org v1.0.0 // indirect
	example.org/deep/v2 v2.4.2 // indirect
)

require example.org/other v0.3.0

replace example.org/other => example.org/other v0.3.1

exclude (
	example.org/deep/v2 v2.0.0
)
`;

describe('parseGoMod', () => {
  const mod = parseGoMod(text);

  it('reads the go line, tools and versions, as lines and in blocks', () => {
    expect(mod.go).toBe('1.26.8');
    expect(mod.tools).toEqual([
      'example.org/single',
      'example.org/deep/v2/cmd/one',
      'example.org/other/two',
    ]);
    expect(mod.versions.get('example.org/other')).toBe('v0.3.0');
  });

  it('ignores versions in replace and exclude lines', () => {
    expect(mod.versions.get('example.org/deep/v2')).toBe('v2.4.2');
    expect(mod.versions.size).toBe(3);
  });

  it('finds the module with the longest path that contains a package', () => {
    expect(moduleOf(mod, 'example.org/deep/v2/cmd/one')).toBe('example.org/deep/v2');
    expect(moduleOf(mod, 'example.org/otherwise')).toBe('example.org');
    expect(moduleOf(mod, 'elsewhere.org/x')).toBeUndefined();
  });
});

describe('compareGoVersions', () => {
  it.each([
    ['go1.26.8', '1.26.8', 0],
    ['1.9', '1.21', -1],
    ['go1.27', '1.26.8', 1],
    ['go1.26', '1.26.8', -1],
    ['go1.26.8 X:nocoverageredesign', '1.26.8', 0],
    ['devel +abc', '1.21', -1],
  ])('orders %s and %s', (left, right, sign) => {
    expect(Math.sign(compareGoVersions(left, right))).toBe(sign);
  });
});
