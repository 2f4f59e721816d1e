/** Light, dark, or as the system has it; `theme.js` applies the choice before anything is drawn. */

import { h } from '../dom';
import { icons } from './icons';

const CHOICES = ['system', 'light', 'dark'] as const;
type Theme = (typeof CHOICES)[number];
const DRAWING = { system: icons.auto, light: icons.sun, dark: icons.moon };

function stored(): Theme {
  try {
    const theme = localStorage.getItem('weft-theme') as Theme;
    return CHOICES.includes(theme) ? theme : 'system';
  } catch {
    return 'system';
  }
}

export function themeSwitch(changed: () => void): HTMLElement {
  let theme = stored();
  const button = h('button', { type: 'button', class: 'icon-button theme', on: { click: () => next() } });
  const show = () => {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.replaceChildren(DRAWING[theme]());
    button.setAttribute('aria-label', `Colours: ${theme}. Change`);
    button.title = `Colours: ${theme}`;
  };
  const next = () => {
    theme = CHOICES[(CHOICES.indexOf(theme) + 1) % CHOICES.length]!;
    try {
      localStorage.setItem('weft-theme', theme);
    } catch {
      // Where nothing may be stored the choice lasts as long as the page.
    }
    show();
    changed();
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
  show();
  return button;
}
