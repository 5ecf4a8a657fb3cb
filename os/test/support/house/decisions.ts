import type { Files } from './repository.ts';

const FOLDER = 'docs/decisions/';
const HEAD =
  /^# (\d{4}): [A-Z0-9a-z].*\n\nDate: \d{4}-\d{2}-\d{2}\\?\nStatus: (?:accepted|replaced by \d{4})\n\n## Context\n/;
const SECTIONS = ['## Context', '## Decision', '## Consequences'] as const;

function recordFaults(name: string, text: string, index: string): string[] {
  const number = /(\d{4})-[a-z0-9-]+\.md$/.exec(name)?.[1];
  const headings = text.split('\n').filter((line) => line.startsWith('## '));
  return [
    ...(number !== undefined && HEAD.exec(text)?.[1] === number
      ? []
      : [`${name}: its head is not "# number: title", date, status, context`]),
    ...(headings.join() === SECTIONS.join()
      ? []
      : [`${name}: its sections are ${headings.join(', ')}`]),
    ...(index.includes(name.slice(FOLDER.length)) ? [] : [`${name}: the index does not name it`]),
  ];
}

/** Records of decisions that are not in the one form, or that the index leaves out. */
export function decisionFaults({ names, read }: Files): string[] {
  const index = `${FOLDER}README.md`;
  const records = names.filter((name) => name.startsWith(FOLDER) && name !== index);
  const text = names.includes(index) ? read(index) : '';
  return records.flatMap((name) => recordFaults(name, read(name), text));
}
