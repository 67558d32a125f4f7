import { fireEvent, render, screen } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { describe, expect, test, vi } from "vitest";
import { action, perform } from "@/lib/actions";
import TableHolder from "./TableHolder.svelte";

const lines = (from: number, n: number) =>
  Array.from({ length: n }, (_, i) => ({ name: `line-${from + i}`, rate: i }));
const grid = () => screen.getByRole("grid");
const selected = () => screen.getByRole("status").textContent;
const names = () =>
  screen
    .getAllByRole("row")
    .slice(1)
    .map((row) => row.firstElementChild?.textContent);
const key = (k: string) => fireEvent.keyDown(grid(), { key: k });

function scroll(index: number): void {
  grid().scrollTop = index * 28;
  void fireEvent.scroll(grid());
  flushSync();
}

describe("windowing", () => {
  test("of 20,000 rows a screenful is drawn, and the rest is asked for as one comes to it", () => {
    const onwindow = vi.fn();
    render(TableHolder, { rows: lines(0, 100), total: 20_000, onwindow });
    expect(names()[0]).toBe("line-0");
    expect(names().length).toBeLessThan(40);
    expect(grid().getAttribute("aria-rowcount")).toBe("20001");
    scroll(10_000);
    const asked = onwindow.mock.lastCall?.[0] as { offset: number; limit: number };
    expect(asked.offset).toBeLessThanOrEqual(10_000);
    expect(asked.offset + asked.limit).toBeGreaterThan(10_021);
    expect(names().every((name) => name === "")).toBe(true);
  });

  test("rows stand where their window begins", async () => {
    const { rerender } = render(TableHolder, { rows: lines(0, 100), total: 20_000 });
    scroll(10_000);
    await rerender({ rows: lines(9_950, 150), offset: 9_950 });
    expect(names()).toContain("line-10000");
    const row = screen.getAllByRole("row").find((r) => r.textContent?.includes("line-10000"));
    expect(row?.getAttribute("aria-rowindex")).toBe("10002");
  });

  test("rows are not made or moved while one scrolls", async () => {
    const { rerender } = render(TableHolder, { rows: lines(0, 500), total: 20_000 });
    scroll(100);
    const there = () => screen.getAllByRole("row").slice(1);
    const of = (name: string) => there().find((row) => row.textContent?.includes(name));
    const [before, stays] = [there(), of("line-110")];
    scroll(101);
    expect(of("line-110")).toBe(stays);
    expect(new Set(there())).toEqual(new Set(before));
    const again = there();
    scroll(10_000);
    await rerender({ rows: lines(9_950, 150), offset: 9_950 });
    expect(there()).toEqual(again);
    expect(names()).toContain("line-10000");
  });

  test("an empty list says so", () => {
    render(TableHolder, { rows: [], total: 0 });
    expect(screen.getByText("nothing here")).toBeTruthy();
  });
});

describe("selection", () => {
  test("keys move it, and the grid points at it", async () => {
    render(TableHolder, { rows: lines(0, 100), total: 100 });
    await key("j");
    await key("ArrowDown");
    expect(selected()).toBe("line-1");
    await key("k");
    expect(selected()).toBe("line-0");
    await key("PageDown");
    expect(selected()).toBe("line-19");
    await key("End");
    expect(selected()).toBe("line-99");
    const active = document.getElementById(grid().getAttribute("aria-activedescendant") ?? "");
    expect(active?.textContent).toContain("line-99");
    expect(active?.getAttribute("aria-selected")).toBe("true");
  });

  test("follows its row through an update, and moves on from there", async () => {
    const { rerender } = render(TableHolder, { rows: lines(0, 50), total: 50 });
    await key("j");
    await key("j");
    expect(selected()).toBe("line-1");
    await rerender({ rows: lines(0, 50).toReversed() });
    expect(selected()).toBe("line-1");
    await key("j");
    expect(selected()).toBe("line-0");
  });

  test("where nothing has come yet it waits for the row", async () => {
    const { rerender } = render(TableHolder, { rows: lines(0, 100), total: 20_000 });
    await key("End");
    expect(selected()).toBe("");
    flushSync();
    await rerender({ rows: lines(19_900, 100), offset: 19_900 });
    expect(selected()).toBe("line-19999");
  });

  test("a list that shrank keeps the cursor inside", async () => {
    const { rerender } = render(TableHolder, { rows: lines(0, 50), total: 50 });
    await key("End");
    await rerender({ rows: lines(0, 3), total: 3 });
    await key("k");
    expect(selected()).toBe("line-1");
  });

  test("Enter and a double click open it", async () => {
    const onopen = vi.fn();
    render(TableHolder, { rows: lines(0, 5), total: 5, onopen });
    await key("Enter");
    expect(onopen).not.toHaveBeenCalled();
    await key("j");
    await key("Enter");
    expect(onopen).toHaveBeenLastCalledWith(expect.objectContaining({ name: "line-0" }));
    const third = screen.getAllByRole("row")[3] as HTMLElement;
    await fireEvent.click(third);
    await fireEvent.dblClick(third);
    expect(onopen).toHaveBeenLastCalledWith(expect.objectContaining({ name: "line-2" }));
  });

  test("j from anywhere in the view brings the focus along", () => {
    render(TableHolder, { rows: lines(0, 5), total: 5 });
    const next = action("table.next");
    if (next) perform(next);
    flushSync();
    expect(document.activeElement).toBe(grid());
    expect(selected()).toBe("line-0");
  });
});

describe("sorting", () => {
  test("heads say how it is sorted, and ask for another order", async () => {
    const onsort = vi.fn();
    render(TableHolder, { rows: lines(0, 5), total: 5, onsort });
    const [name, rate, note] = screen.getAllByRole("columnheader");
    expect(name?.getAttribute("aria-sort")).toBe("ascending");
    expect(rate?.getAttribute("aria-sort")).toBe("none");
    expect(note?.getAttribute("aria-sort")).toBeNull();
    await fireEvent.click(screen.getByRole("button", { name: "rate" }));
    expect(onsort).toHaveBeenLastCalledWith("rate", false);
    await fireEvent.click(screen.getByRole("button", { name: "name" }));
    expect(onsort).toHaveBeenLastCalledWith("name", true);
    expect(screen.queryByRole("button", { name: "note" })).toBeNull();
  });
});
