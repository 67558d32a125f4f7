import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const css = readFileSync("src/lib/theme/tokens.css", "utf8");

function tokens(selector: string): Record<string, string> {
  const block = css.split(`${selector} {`)[1]?.split("}")[0] ?? "";
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map((m) => [m[1], m[2]]));
}
const dark = tokens(":root");
const themes = {
  dark,
  light: { ...dark, ...tokens(':root[data-theme="light"]') },
  contrast: { ...dark, ...tokens(':root[data-theme="contrast"]') },
};

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((i) => Number.parseInt(hex.slice(i, i + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

describe.each(Object.entries(themes))("%s", (name, t) => {
  const needed = name === "contrast" ? 7 : 4.5;
  const texts = ["text", "mute", "accent", "stable", "candidate", "good", "warn", "bad"];
  test.each(texts.flatMap((text) => ["bg0", "bg1", "bg2", "bg3"].map((bg) => [text, bg])))(
    "%s on %s",
    (text, bg) => {
      expect(contrast(t[text] ?? "", t[bg] ?? "")).toBeGreaterThanOrEqual(needed);
    },
  );
  test("lines of a chart differ from each other, and from what they lie on", () => {
    const far = (a: string, b: string) =>
      Math.hypot(
        ...[1, 3, 5].map(
          (i) => Number.parseInt(a.slice(i, i + 2), 16) - Number.parseInt(b.slice(i, i + 2), 16),
        ),
      );
    const lines = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => t[`line-${n}`] ?? "");
    const pairs = lines.flatMap((a, i) => lines.slice(i + 1).map((b) => [a, b] as const));
    const near = [...pairs, [t["stable"] ?? "", t["candidate"] ?? ""] as const].filter(
      ([a, b]) => far(a, b) < 50,
    );
    expect(near).toEqual([]);
    for (const line of lines) expect(contrast(line, t["bg1"] ?? "")).toBeGreaterThanOrEqual(3);
  });
  test("the emergency control, and text on the accent", () => {
    expect(contrast(t["emergency-text"] ?? "", t["emergency-bg"] ?? "")).toBeGreaterThanOrEqual(needed);
    expect(contrast(t["on-accent"] ?? "", t["accent"] ?? "")).toBeGreaterThanOrEqual(4.5);
  });
  test("emergency red is one colour in every theme", () => expect(t["emergency"]).toBe("#e5484d"));
});

describe("the policy, in every source", () => {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((f) =>
    /\.(svelte|ts|css)$/.test(f),
  );
  const sources = files.map((file) => [file, readFileSync(join("src", file), "utf8")] as const);

  test.each(sources.filter(([file]) => file.endsWith(".svelte")))("%s", (_, source) => {
    const markup = source.replaceAll(/<(script|style)[\s\S]*?<\/\1>/g, "");
    expect(markup).not.toMatch(/\sstyle=["'{]/);
    expect(markup).not.toMatch(/\{@html/);
  });
  test("only tauri.ts knows the desktop's library", () => {
    const knowing = sources.filter(([, source]) => source.includes("@tauri-apps/")).map(([file]) => file);
    expect(knowing).toEqual([join("host", "tauri.ts")]);
  });
  test("colours stand in tokens.css alone, but for the band that no token may reach", () => {
    const coloured = sources
      .filter(([, source]) => /#[0-9a-f]{3,8}\b(?=[;,\s)])|\brgba?\(|\bhsla?\(/i.test(source))
      .map(([file]) => file);
    expect(coloured.toSorted()).toEqual([join("lib", "theme", "tokens.css"), join("shell", "Band.svelte")]);
  });
});
