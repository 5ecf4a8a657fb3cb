import type { EthernetLink, Link } from '../model/model.ts';
import { isPattern, nameFault } from '../values/names.ts';
import { type Context, pathTo } from './context.ts';

/** The name that a link will have, if it is one that the file knows. */
function finalName(link: Link): string | undefined {
  if (link.kind !== 'ethernet') return link.id;
  if (link.setName !== undefined) return link.setName;
  const { name } = link.match;
  return name !== undefined && !isPattern(name) ? name : undefined;
}

function checkEthernetName(context: Context, link: EthernetLink): void {
  const { report, raw } = context;
  const hasMatch = raw.ethernets?.[link.id]?.match !== undefined;
  const isById = !hasMatch && !context.damaged.has(link.id);
  if (link.setName !== undefined) {
    const fault = nameFault(link.setName);
    if (fault !== undefined)
      report(pathTo(link, 'set-name'), fault, 'Choose a name of up to 15 letters and digits.');
    if (isById)
      report(
        pathTo(link, 'set-name'),
        'has no match beside it',
        'Say by match which card gets the name.',
      );
  }
  const fault = isById ? nameFault(link.id) : undefined;
  if (fault === undefined) return;
  const remedy = isPattern(link.id)
    ? `Write match: {name: "${link.id}"} below a name of your own.`
    : 'Without match it is the name of a card: give a card by its name, or add match.';
  report(pathTo(link), fault, remedy);
}

/** Returns what alone says which card a link is. Pods and clouds have cards with one MAC and different drivers. */
function cardOf({ match }: EthernetLink): string | undefined {
  const { macaddress, name, path, drivers } = match;
  if (path !== undefined) return undefined;
  if (macaddress === undefined) return name === undefined || isPattern(name) ? undefined : name;
  return name === undefined && drivers.length === 0 ? macaddress : undefined;
}

function checkCards({ links, report }: Context): void {
  const taken = new Map<string, string>();
  for (const link of links) {
    const card = link.kind === 'ethernet' ? cardOf(link) : undefined;
    if (card === undefined) continue;
    const other = taken.get(card);
    if (other === undefined) taken.set(card, link.id);
    else
      report(
        pathTo(link),
        `matches the same card as ${other}: ${card}`,
        'Join the two, or match another card.',
      );
  }
}

/** Checks names of links: legal ones, and each only once. */
export function checkNames(context: Context): void {
  const taken = new Map<string, string>();
  for (const link of context.links) {
    if (link.kind === 'ethernet') checkEthernetName(context, link);
    else {
      const fault = nameFault(link.id);
      if (fault !== undefined)
        context.report(pathTo(link), fault, 'Choose a name of up to 15 letters and digits.');
    }
    const name = finalName(link);
    const other = name === undefined ? undefined : taken.get(name);
    const areCards = link.kind === 'ethernet' && link.setName === undefined;
    if (other !== undefined && other !== link.id && !areCards)
      context.report(pathTo(link), `has the name of ${other}: ${name}`, 'Choose another name.');
    if (name !== undefined) taken.set(name, link.id);
  }
  checkCards(context);
}
