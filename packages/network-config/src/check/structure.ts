import type { Path } from '../fault.ts';
import { lowerLinks } from '../model/links.ts';
import type { Link, VlanLink } from '../model/model.ts';
import { nearest } from '../values/names.ts';
import { type Context, pathTo } from './context.ts';

const pathToLower = (link: Link, index: number): Path =>
  link.kind === 'vlan' ? pathTo(link, 'link') : pathTo(link, 'interfaces', index);

function checkReferences({ links, ids, report }: Context): void {
  for (const link of links)
    for (const [index, id] of lowerLinks(link).entries()) {
      if (ids.has(id)) continue;
      const close = nearest(id, [...ids.keys()]);
      const hint = close === undefined ? '' : `Did you mean ${close}? `;
      report(
        pathToLower(link, index),
        `names a link that the file does not have: ${id}`,
        `${hint}Add it below ethernets, or correct the name.`,
      );
    }
}

/** Follows links downward; the path of a loop, if there is one through the start. */
function loopThrough(start: Link, byId: ReadonlyMap<string, Link>): readonly string[] | undefined {
  const waiting = [[start.id]];
  const seen = new Set<string>();
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const at = byId.get(path.at(-1) ?? '');
    for (const id of at === undefined ? [] : lowerLinks(at)) {
      if (id === start.id) return [...path, id];
      if (!seen.has(id)) waiting.push([...path, id]);
      seen.add(id);
    }
  }
  return undefined;
}

function checkLoops({ links, report }: Context): void {
  const byId = new Map(links.map((link) => [link.id, link]));
  const known = new Set<string>();
  for (const link of links) {
    const loop = known.has(link.id) ? undefined : loopThrough(link, byId);
    if (loop === undefined) continue;
    for (const id of loop) known.add(id);
    report(pathTo(link), `is made of itself: ${loop.join(' on ')}`, 'Name another link below it.');
  }
}

function checkVlanIds({ links, report }: Context): void {
  const taken = new Map<string, VlanLink>();
  for (const link of links) {
    if (link.kind !== 'vlan') continue;
    const key = `${link.vlan} ${link.link}`;
    const other = taken.get(key);
    if (other !== undefined)
      report(
        pathTo(link, 'id'),
        `is the VLAN of ${other.id} too: ${link.vlan} on ${link.link}`,
        'Choose another id or link.',
      );
    taken.set(key, link);
  }
}

/** Checks what links are made of: that it is there, and in no loop. */
export function checkStructure(context: Context): void {
  checkReferences(context);
  checkLoops(context);
  checkVlanIds(context);
}
