/** Modal questions in the browser's own dialogs, which keep the focus in, give it back, and close on Escape. */

import { h, unique, type Child } from '../dom';

export interface Dialog {
  element: HTMLDialogElement;
  body: HTMLElement;
  foot: HTMLElement;
  close(): void;
}

export function dialog(title: Child, options: { class?: string; role?: string; closed?: () => void }): Dialog {
  const id = unique('dialog');
  // The heading takes the focus: what is asked is read first, and no key that was on its way answers it.
  const heading = h('h2', { id, tabindex: -1, class: 'dialog-title' }, title);
  const body = h('div', { class: 'dialog-body' });
  const foot = h('div', { class: 'dialog-foot' });
  const element = h('dialog', { class: `dialog ${options.class ?? ''}`, 'aria-labelledby': id, role: options.role ?? null }, heading, body, foot);
  element.addEventListener('close', () => {
    element.remove();
    options.closed?.();
  });
  document.body.append(element);
  element.showModal();
  heading.focus();
  return { element, body, foot, close: () => element.close() };
}

/** A question with one consequence. */
export function confirm(title: string, text: Child, yes: string, then: () => void): void {
  const { body, foot, close } = dialog(title, { class: 'dialog-small', role: 'alertdialog' });
  body.append(h('p', null, text));
  foot.append(
    h('button', { type: 'button', class: 'button', on: { click: close } }, 'Cancel'),
    h('button', { type: 'button', class: 'button is-danger', on: { click: () => { close(); then(); } } }, yes));
}
