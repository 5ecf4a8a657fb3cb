import { linearScale, logScale, type Scale } from './scales.ts';

/** Points of one line, x and y, in the order of x. */
export interface PlotLine {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** One diagram; all of a plot stand on the same axis. Its own axis begins at 0, so that no growth looks larger. */
interface PlotPanel {
  readonly title: string;
  readonly lines: readonly PlotLine[];
}

export interface Plot {
  readonly title: string;
  /** When and of what it was measured. */
  readonly caption: string;
  readonly x: { readonly title: string; readonly kind: 'linear' | 'log' };
  readonly panels: readonly PlotPanel[];
}

const WIDTH = 720;
const LEFT = 64;
const RIGHT = 24;
const TOP = 64;
const PANEL = 240;
const GAP = 84;
const BOTTOM = 30;
const INNER = WIDTH - LEFT - RIGHT;
/** Okabe and Ito's colours, which colour-blind people tell apart, and dashes for a print in black. */
const STYLES = [
  { colour: '#0072b2', dash: '' },
  { colour: '#d55e00', dash: '6 3' },
  { colour: '#009e73', dash: '2 3' },
  { colour: '#cc79a7', dash: '8 3 2 3' },
] as const;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }; // prettier-ignore

/** Returns a text as XML has it. */
export const escapeXml = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (sign) => ENTITIES[sign] ?? sign);

const pixels = (value: number): string => String(Math.round(value * 10) / 10);
const shown = (value: number): string => String(Number(value.toPrecision(5)));

type Anchor = 'start' | 'middle' | 'end';

const text = (x: number, y: number, content: string, anchor: Anchor, more = ''): string =>
  `<text x="${pixels(x)}" y="${pixels(y)}" text-anchor="${anchor}"${more}>${escapeXml(content)}</text>`;

const rule = (x1: number, y1: number, x2: number, y2: number, colour: string): string =>
  `<line x1="${pixels(x1)}" y1="${pixels(y1)}" x2="${pixels(x2)}" y2="${pixels(y2)}" stroke="${colour}"/>`;

const styleOf = (index: number): (typeof STYLES)[number] =>
  STYLES[index % STYLES.length] ?? STYLES[0];

function drawLine({ name, points }: PlotLine, index: number, x: Scale, y: Scale, top: number) {
  const { colour, dash } = styleOf(index);
  const places = points.map(([at, value]) => ({
    left: pixels(LEFT + x.at(at) * INNER),
    down: pixels(top + (1 - y.at(value)) * PANEL),
    title: `${name}: ${shown(value)} at ${shown(at)}`,
  }));
  const path = places.map(({ left, down }) => `${left},${down}`).join(' ');
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/>`,
    ...places.map(
      ({ left, down, title }) =>
        `<circle cx="${left}" cy="${down}" r="3.5" fill="${colour}"><title>${escapeXml(title)}</title></circle>`,
    ),
  ];
}

function drawLegend(lines: readonly PlotLine[], top: number): string[] {
  const width = INNER / Math.max(lines.length, 3);
  return lines.flatMap(({ name }, index) => {
    const { colour, dash } = styleOf(index);
    const left = LEFT + index * width;
    return [
      `<line x1="${pixels(left)}" y1="${top - 10}" x2="${pixels(left + 24)}" y2="${top - 10}" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/>`,
      text(left + 30, top - 6, name, 'start'),
    ];
  });
}

function drawPanel({ title, lines }: PlotPanel, x: Scale, top: number): string[] {
  const y = linearScale(lines.flatMap(({ points }) => points.map(([, value]) => value)));
  const grid = y.ticks.flatMap((tick) => {
    const down = top + (1 - y.at(tick)) * PANEL;
    return [
      rule(LEFT, down, LEFT + INNER, down, '#dddddd'),
      text(LEFT - 8, down + 4, shown(tick), 'end'),
    ];
  });
  const marks = x.ticks.flatMap((tick) => {
    const left = LEFT + x.at(tick) * INNER;
    return [
      rule(left, top + PANEL, left, top + PANEL + 5, '#333333'),
      text(left, top + PANEL + 20, shown(tick), 'middle'),
    ];
  });
  return [
    text(LEFT, top - 28, title, 'start', ' font-weight="bold"'),
    ...drawLegend(lines, top),
    ...grid,
    rule(LEFT, top + PANEL, LEFT + INNER, top + PANEL, '#333333'),
    ...marks,
    ...lines.flatMap((line, index) => drawLine(line, index, x, y, top)),
  ];
}

const topOf = (index: number): number => TOP + GAP - 30 + index * (PANEL + GAP);

/** Draws a plot as an SVG image. */
export function drawPlot({ title, caption, x, panels }: Plot): string {
  const values = panels.flatMap(({ lines }) =>
    lines.flatMap(({ points }) => points.map(([at]) => at)),
  );
  const scale = x.kind === 'log' ? logScale(values) : linearScale(values);
  const height = topOf(panels.length) - 30 + BOTTOM;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="#333333">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(LEFT, 28, title, 'start', ' font-size="17"'),
    text(LEFT, 48, caption, 'start', ' fill="#666666"'),
    ...panels.flatMap((panel, index) => drawPanel(panel, scale, topOf(index))),
    text(LEFT + INNER / 2, height - 14, x.title, 'middle'),
    '</svg>',
    '',
  ].join('\n');
}
