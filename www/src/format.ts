/**
 * Numbers and texts for a person.
 *
 * `plain` is the one way by which a text that somebody else wrote gets onto the screen: control characters and those
 * that turn the direction of writing are shown as escapes, as the command line shows them, and the length is bounded.
 */

// Controls, soft hyphen, zero width and direction marks, line separators, interlinear marks, byte order mark, tags.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

export function plain(text: string, most = 400): string {
  const cut = text.length > most ? `${whole(text, most)}\u2026` : text;
  return cut.replace(HIDDEN, (c) => (c === '\n' ? ' ' : `\\u{${c.codePointAt(0)!.toString(16)}}`));
}

/** At most `most` units, without half of a pair at the end. */
function whole(text: string, most: number): string {
  const code = text.charCodeAt(most - 1);
  return text.slice(0, code >= 0xd800 && code < 0xdc00 ? most - 1 : most);
}

/** Digits in groups of three. Made by hand: the browser's own formatter takes longer to set up than the page. */
export const count = (n: number): string => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');

export function counted(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function bytes(n: number): string {
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  if (n < 1024) return counted(n, 'byte');
  let unit = -1;
  do {
    n /= 1024;
    unit += 1;
  } while (n >= 1023.95 && unit < units.length - 1);
  return `${n.toFixed(n < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Milliseconds as "0.4 ms", "312 ms", "4.1 s", "2 min 5 s". */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
}

/** The clock of an RFC 3339 time, with milliseconds, as the person's own clock shows it. */
export function clock(time: string | number): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return '';
  const two = (n: number) => String(n).padStart(2, '0');
  const ms = String(at.getMilliseconds()).padStart(3, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}

export function list(words: string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
