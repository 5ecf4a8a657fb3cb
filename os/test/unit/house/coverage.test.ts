import { expect, it } from 'vitest';

import { type CoveragePage, coverageFaults, numbered } from '../../support/house/coverage.ts';
import { filesOf, repositoryFiles } from '../../support/house/repository.ts';

const PAGES: readonly CoveragePage[] = [
  { name: 'docs/coverage/time.md', requirements: numbered('R', 20) },
  { name: 'docs/coverage/modules.md', requirements: numbered('M', 23) },
];

const files = await repositoryFiles();

it.each(PAGES)('$name has a test that exists for each requirement', (page) => {
  expect(coverageFaults(files, page)).toEqual([]);
});

const PAGE = 'docs/coverage/time.md';
const TESTS = [
  "it('one', () => {});",
  'it("it\'s two", () => {});',
  "it.each([[1, (2)]])('three %s', () => {});",
  "it('four | bars', { timeout: 1 }, () => {});",
  "it.skip('skipped', () => {});",
  "const text = 'no title';",
].join('\n');

const faultsOf = (page: string, count = 1): string[] =>
  coverageFaults(
    filesOf({
      [PAGE]: page,
      'agents/a/test/unit/x.test.ts': TESTS,
      'agents/a/src/main.ts': "it('one', () => {});",
      'init/internal/clock_test.go': 'func TestTheFloor(t *testing.T) {\n',
      'os/src/checks/acceptance/pods.ts': "const A = [{ name: 'pods run', check }];",
    }),
    { name: PAGE, requirements: numbered('R', count) },
  );

const table = (...rows: string[]): string =>
  ['# Coverage', '', '| requirement | what | tests |', '| --- | --- | --- |', ...rows, ''].join(
    '\n',
  );
const row = (name: string, ...tests: string[]): string =>
  `| ${name} | what it asks | ${tests.join('<br>')} |`;
const unit = (title: string): string => `[x](../../agents/a/test/unit/x.test.ts): ${title}`;

it('takes a row whose tests exist', () => {
  const tests = [
    ...['one', "it's two", 'three %s', String.raw`four \| bars`].map(unit),
    '[clock](../../init/internal/clock_test.go): TestTheFloor',
    '[pods](../../os/src/checks/acceptance/pods.ts): pods run',
  ];
  expect(faultsOf(table(row('R1', ...tests)))).toEqual([]);
});

it('finds a requirement without a row, or with two', () => {
  expect(faultsOf(table(row('R1', unit('one')), row('R1', unit('one'))), 2)).toEqual([
    `${PAGE}: R1 has 2 rows`,
    `${PAGE}: R2 has 0 rows`,
  ]);
  expect(coverageFaults(filesOf({}), { name: PAGE, requirements: ['R1'] })).toEqual([
    `${PAGE}: R1 has 0 rows`,
  ]);
});

it('finds a test that does not exist, is skipped or is not named', () => {
  const file = 'agents/a/test/unit/x.test.ts';
  const tests = [unit('One'), unit('skipped'), unit('no title'), 'none', '[x](../../a.test.ts): one', '[m](../../agents/a/src/main.ts): one', '[clock](../../init/internal/clock_test.go): TestOther']; // prettier-ignore
  expect(faultsOf(table(row('R1', ...tests)))).toEqual(
    [
      `${file} has no test "One"`,
      `${file} has no test "skipped"`,
      `${file} has no test "no title"`,
      'names no test by "none"',
      'a.test.ts is no file',
      'agents/a/src/main.ts has no tests',
      'init/internal/clock_test.go has no test "TestOther"',
    ].map((fault) => `${PAGE}: R1: ${fault}`),
  );
});
