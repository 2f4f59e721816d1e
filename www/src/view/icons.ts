/** Small drawings, all of lines, in the colour of the text around them. They say nothing that words do not say too. */

import { svg } from '../dom';

function icon(...paths: string[]): SVGElement {
  const drawn = paths.map((d) => svg('path', { d }));
  return svg('svg', { viewBox: '0 0 16 16', class: 'icon', 'aria-hidden': 'true', focusable: 'false' }, ...drawn);
}

export const icons = {
  folder: () => icon('M1.5 12.5v-9h4l1.5 2h7.5v7z'),
  file: () => icon('M3.5 1.5h6l3 3v10h-9z', 'M9.5 1.5v3h3'),
  down: () => icon('M8 2v8', 'M4.5 7 8 10.5 11.5 7', 'M2.5 13.5h11'),
  copy: () => icon('M5.5 5.5h8v8h-8z', 'M10.5 5.5v-3h-8v8h3'),
  close: () => icon('m4 4 8 8', 'm12 4-8 8'),
  check: () => icon('m3 8.5 3.5 3.5L13 4.5'),
  stop: () => icon('M4.5 4.5h7v7h-7z'),
  ask: () => icon('M5.5 6a2.5 2.5 0 1 1 3.5 2.3c-.7.4-1 .8-1 1.7', 'M8 12.6v.1'),
  warn: () => icon('M8 2.5 14 13H2z', 'M8 6.5v3', 'M8 11.3v.1'),
  sun: () => icon('M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6', 'M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3.05 3.05l1.1 1.1M11.85 11.85l1.1 1.1M3.05 12.95l1.1-1.1M11.85 4.15l1.1-1.1'),
  moon: () => icon('M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z'),
  auto: () => icon('M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2', 'M8 2v12', 'M8 5h4.8M8 8h6M8 11h4.8'),
  chevron: () => icon('m6 3.5 4.5 4.5L6 12.5'),
  seal: () => icon('M8 1.5 13.5 4v4c0 3.2-2.3 5.5-5.5 6.5C4.8 13.5 2.5 11.2 2.5 8V4z', 'm5.5 8 2 2 3-3.5'),
};

/** The mark: one thread over and under three others. */
export function mark(): SVGElement {
  const warp = [5, 12, 19].map((x) => svg('path', { d: `M${x} 2v20`, class: 'mark-warp' }));
  const gaps = [
    svg('path', { d: 'M12 4v5M5 14.5v5M19 14.5v5', class: 'mark-gap' }),
    svg('path', { d: 'M2 7h7M15 7h7M8.2 17h7.6', class: 'mark-weft' }),
    svg('path', { d: 'M2 17h1M21 17h1', class: 'mark-weft' }),
  ];
  return svg('svg', { viewBox: '0 0 24 24', class: 'mark', 'aria-hidden': 'true', focusable: 'false' }, ...warp, ...gaps);
}
