import "@/lib/theme/fonts.css";
import "@/lib/theme/tokens.css";
import "@/lib/theme/base.css";
import { mount } from "svelte";
import { startHost } from "@/host";
import { applyLook } from "@/lib/theme/theme.svelte";
import App from "@/shell/App.svelte";

applyLook();
await startHost();
const target = document.getElementById("app");
if (target) mount(App, { target });
