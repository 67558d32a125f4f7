import type { Class, Colour } from "@/host";

export const CLASSES: { value: Class; title: string }[] = [
  { value: "production", title: "production" },
  { value: "staging", title: "staging" },
  { value: "development", title: "development" },
  { value: "training", title: "training" },
];

export const COLOURS: { value: Colour; title: string }[] = [
  { value: "slate", title: "slate" },
  { value: "blue", title: "blue" },
  { value: "teal", title: "teal" },
  { value: "violet", title: "violet" },
  { value: "amber", title: "amber" },
];
