import { expect, it } from 'vitest';

import { type CoveragePage, coverageFaults, numbered } from '../../support/house/coverage.ts';
import { filesOf, repositoryFiles } from '../../support/house/repository.ts';

const PAGES: readonly CoveragePage[] = [
  { name: 'docs/coverage/time.md', requirements: numbered('R', 20) },
  { name: 'docs/coverage/modules.md', requirements: numbered('M', 23) },
];

const files = await repositoryFiles();

it.each(PAGES)(
  '$name has tests for each requirement that exist, run and check something',
  (page) => {
    expect(coverageFaults(files, page)).toEqual([]);
  },
);

const PAGE = 'docs/coverage/time.md';
const TESTS = `
const sees = async (what) => {
  expect(what).toBe(1);
};
it('one', () => expect(1).toBe(1));
it("it's two", async () => {
  await sees(2);
});
it.each([[1, (2)]])(
  'three %s',
  () => {
    expect(3).toBe(3);
  },
);
it('four | bars', { timeout: 1 }, () => {
  throw new Error('four');
});
it.skip('skipped', () => expect(1).toBe(1));
const text = 'no title';
it('empty', () => {});
it('idle', async () => {
  await looks(1);
});
`;
const GO = `func TestTheFloor(t *testing.T) {
	if 1 != 2 {
		t.Error("floor")
	}
}

func TestNothing(t *testing.T) {
	look()
}
`;
const SCRIPTS =
  '{"scripts":{"build":"kios-bundle","test":"kios-bundle && vitest run --dir test/unit --x 1"}}';

const faultsOf = (page: string, count = 1): string[] =>
  coverageFaults(
    filesOf({
      [PAGE]: page,
      'agents/a/package.json': SCRIPTS,
      'agents/a/test/unit/x.test.ts': TESTS,
      'agents/a/test/other/x.test.ts': TESTS,
      'agents/a/src/main.ts': "it('one', () => {});",
      'init/internal/clock_test.go': GO,
      'os/src/checks/acceptance/pods.ts':
        "const A = [{ name: 'pods run', check: () => demand(true) }];",
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

it('finds a test that checks nothing, and one that no script runs', () => {
  const tests = [
    ...['empty', 'idle'].map(unit),
    '[clock](../../init/internal/clock_test.go): TestNothing',
    '[x](../../agents/a/test/other/x.test.ts): one',
  ];
  expect(faultsOf(table(row('R1', ...tests)))).toEqual([
    `${PAGE}: R1: agents/a/test/unit/x.test.ts: "empty" checks nothing`,
    `${PAGE}: R1: agents/a/test/unit/x.test.ts: "idle" checks nothing`,
    `${PAGE}: R1: init/internal/clock_test.go: "TestNothing" checks nothing`,
    `${PAGE}: R1: agents/a/test/other/x.test.ts is run by no script`,
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
