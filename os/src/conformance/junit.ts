import type { Outcome } from './specs.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Characters that XML 1.0 does not have, section 2.2. */
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g;

const escape = (text: string): string =>
  text.replaceAll(FORBIDDEN, '').replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? '');

function testCase({ name, state, seconds, message }: Outcome): string {
  const head = `<testcase classname="Kubernetes e2e suite" name="${escape(name)}" time="${seconds.toFixed(3)}"`;
  if (state === 'passed') return `${head}/>`;
  const element = state === 'failed' ? 'failure' : 'skipped';
  const [first = ''] = message.split('\n');
  return `${head}><${element} message="${escape(first)}">${escape(message)}</${element}></testcase>`;
}

/** Returns outcomes in JUnit's form, as Kubernetes' own runs publish theirs. */
export function junit(outcomes: readonly Outcome[]): string {
  const count = (state: Outcome['state']): number =>
    outcomes.filter((outcome) => outcome.state === state).length;
  const seconds = outcomes.reduce((sum, outcome) => sum + outcome.seconds, 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="Kubernetes e2e suite" tests="${outcomes.length}" failures="${count('failed')}" skipped="${count('skipped')}" time="${seconds.toFixed(3)}">`,
    ...outcomes.map(testCase),
    '</testsuite>',
    '',
  ].join('\n');
}
