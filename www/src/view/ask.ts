/**
 * An act that waits for a person: who wants to do what, why it is asked, what is allowed by a yes. One question at a
 * time; no answer is a no. The buttons wake up a moment after the question appeared, so that a key or a click that
 * was meant for something else answers nothing.
 */

import { fill, h, say } from '../dom';
import type { Asked, Session } from '../session';
import { plain } from '../format';
import { dialog, type Dialog } from './dialog';
import { address, figure, reasons, road } from './verdict';

const DEAF_MS = 600;

export class AskView {
  private shown: { question: Asked; dialog: Dialog; left: HTMLElement; bar: HTMLElement } | null = null;

  constructor(private readonly session: Session) {
    setInterval(() => this.tick(), 250);
  }

  update(): void {
    const first = this.session.questions[0] ?? null;
    if (this.shown && this.shown.question !== first) {
      const { dialog } = this.shown;
      this.shown = null;
      dialog.close();
    }
    if (first && !this.shown) this.open(first);
  }

  private open(question: Asked): void {
    const answered = { done: false };
    const answer = (allow: boolean) => {
      if (answered.done) return;
      answered.done = true;
      this.session.answer(question, allow);
    };
    // Escape is a no, in so many words: the dialog says so.
    const title = [h('b', null, plain(question.name, 64)), ' asks to ', plain(question.verb, 32)];
    const box = dialog(title, { class: 'ask', role: 'alertdialog', closed: () => {
      if (this.shown?.question === question) {
        this.shown = null;
        answer(false);
      }
    } });
    const left = h('span', { class: 'muted' });
    const bar = h('span', { class: 'countdown-fill' });
    fill(box.body,
      h('p', { class: 'ask-what' }, address(question.resource, 500)),
      road(question.explanation, ''),
      reasons(question.explanation, 'The kernel gave no reason.'),
      question.explanation ? figure(question.explanation, question.action) : null);
    const no = h('button', { type: 'button', class: 'button', disabled: true, on: { click: () => answer(false) } }, 'Refuse');
    const yes = h('button', { type: 'button', class: 'button is-primary', disabled: true, on: { click: () => answer(true) } }, 'Allow once');
    setTimeout(() => { no.disabled = yes.disabled = false; }, DEAF_MS);
    box.foot.append(h('div', { class: 'countdown' }, h('span', { class: 'countdown-bar', 'aria-hidden': 'true' }, bar), left), no, yes);
    this.shown = { question, dialog: box, left, bar };
    this.tick();
  }

  private tick(): void {
    this.session.expire();
    if (!this.shown) return;
    const { question, left, bar } = this.shown;
    const rest = Math.max(0, question.deadline - performance.now());
    say(left, `No answer in ${Math.ceil(rest / 1000)} s is a no`);
    bar.style.setProperty('--share', `${(rest / question.wait) * 100}%`);
  }
}
