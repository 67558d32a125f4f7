/** How a list is seen: filter, order and window, as the backend takes them. */
import type { Asked } from "./window";

export interface ListAsk<Sort extends string> {
  filter?: string;
  sort: Sort;
  descending: boolean;
  offset: number;
  limit: number;
}

export interface ListState<Sort extends string> {
  filter: string;
  readonly sort: Sort;
  readonly descending: boolean;
  /** Goes into the params of a `live`. */
  readonly ask: ListAsk<Sort>;
  onsort(sort: Sort, descending: boolean): void;
  onwindow(asked: Asked): void;
}

export function listState<Sort extends string>(first: Sort, descendingFirst = false): ListState<Sort> {
  let filter = $state("");
  let sort = $state<Sort>(first);
  let descending = $state(descendingFirst);
  let asked = $state.raw<Asked>({ offset: 0, limit: 100 });
  return {
    get filter() {
      return filter;
    },
    set filter(wanted: string) {
      filter = wanted;
      // What matches begins at the list's top.
      asked = { ...asked, offset: 0 };
    },
    get sort() {
      return sort;
    },
    get descending() {
      return descending;
    },
    get ask() {
      const words = filter.trim();
      return { ...(words && { filter: words }), sort, descending, ...asked };
    },
    onsort(next, down) {
      sort = next;
      descending = down;
      asked = { ...asked, offset: 0 };
    },
    onwindow(next) {
      asked = next;
    },
  };
}
