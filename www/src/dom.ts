/**
 * The page's render helper: elements made of text and elements, and lists that are brought in line with data.
 *
 * There is no way from a string to markup here: children are nodes or become text nodes, attributes are set by name.
 * The page's policy forbids the rest (`require-trusted-types-for 'script'` without a policy that makes HTML).
 */

export type Child = Node | string | number | null | undefined | false | Child[];
type Listeners = { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };
export interface Props {
  class?: string | null;
  on?: Listeners;
  [attribute: string]: unknown;
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props | null = null,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  set(element, props ?? {});
  put(element, children);
  return element;
}

export function svg(tag: string, attributes: Record<string, string | number>, ...children: SVGElement[]): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

function set(element: HTMLElement, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value as object)) element.addEventListener(event, listener);
    } else if (value === false || value === null || value === undefined) {
      continue;
    } else if (name.startsWith('on')) {
      throw new Error(`${name}: listeners are given as functions`);
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
}

function put(parent: Node, children: Child[]): void {
  for (const child of children) {
    if (Array.isArray(child)) put(parent, child);
    else if (child instanceof Node) parent.appendChild(child);
    else if (child !== null && child !== undefined && child !== false) parent.appendChild(document.createTextNode(String(child)));
  }
}

/** Puts `children` in the place of what `parent` holds. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  put(parent, children);
}

/** Sets the text of `node` if it is another, so that nothing is laid out anew for nothing. */
export function say(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function toggle(element: Element, name: string, on: boolean): void {
  if (element.classList.contains(name) !== on) element.classList.toggle(name, on);
}

export function attribute(element: Element, name: string, value: string | null): void {
  if (value === null) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== value) {
    element.setAttribute(name, value);
  }
}

export interface Row<T> {
  element: HTMLElement;
  update(item: T): void;
}

/** So many rows are made in one frame. */
const NEW_ROWS = 4;

/** Keeps one element for each item, by key, in the order of the items. What stays keeps its element, and its focus. */
export class List<T> {
  private rows = new Map<string | number, Row<T>>();

  constructor(
    readonly parent: HTMLElement,
    private readonly key: (item: T) => string | number,
    private readonly make: (item: T) => Row<T>,
  ) {}

  /** Shows `items`, of new ones only so many at once. Whether these are all: else it is called again in the next frame. */
  show(items: readonly T[]): boolean {
    const wanted = new Set(items.map(this.key));
    const gone = new Map([...this.rows].filter(([key]) => !wanted.has(key)));
    const stay = new Set([...gone.values()].map(({ element }): Node => element));
    let at: ChildNode | null = this.parent.firstChild;
    let [room, all] = [NEW_ROWS, true];
    for (const item of items) {
      const key = this.key(item);
      let row = this.rows.get(key);
      if (!row && room === 0) {
        all = false;
        continue;
      }
      if (!row) {
        this.rows.set(key, (row = this.make(item)));
        room -= 1;
      }
      row.update(item);
      while (at && stay.has(at)) at = at.nextSibling;
      if (row.element === at) at = at.nextSibling;
      else this.parent.insertBefore(row.element, at);
    }
    // What is gone stays until something has its place, so that the list keeps its length and what is read its place.
    let places = items.length - (this.rows.size - gone.size);
    for (const [key, { element }] of gone) {
      if (places-- > 0) continue;
      element.remove();
      this.rows.delete(key);
    }
    return all;
  }
}

let serial = 0;
/** An id that no other element has. */
export const unique = (stem: string): string => `${stem}-${(serial += 1)}`;
