import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  base: "./",
  resolve: {
    alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) },
    // Without this vitest takes Svelte's server build, which mounts nothing.
    conditions: process.env["VITEST"] ? ["browser"] : undefined,
  },
  build: {
    outDir: "dist",
    target: "es2022",
    // The policy lets the window load files of its own and nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // The window's own policy, so that a build that breaks it is seen in a plain browser.
  preview: {
    headers: {
      "Content-Security-Policy":
        "default-src 'self'; style-src 'self'; script-src 'self'; connect-src ipc: http://ipc.localhost; img-src 'self' data:; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'",
    },
  },
  server: { port: 5173, strictPort: true },
  test: {
    environment: "jsdom",
    include: ["tests/**/*.test.ts"],
    setupFiles: ["tests/setup.ts"],
    css: false,
    testTimeout: 60_000,
  },
});
