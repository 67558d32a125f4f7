/**
 * The desktop's side of the door, and the only file that knows the desktop's library. The shell has
 * one command for each request (`journal.set-aside` is `journal_set_aside`), `watch`, `unwatch`,
 * `roll_back`, `close` and `ready`, and the events `action`, `go` and `close-asked`.
 */
import { Channel, invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import { open, save } from "@tauri-apps/plugin-dialog";
import type { Answer, Driven, Frame, Host, Params, QueryName, RequestName } from ".";
import type { Frame as ToldFrame, Progress, RollBack, RollBackAnswer } from "./generated";
import { environment } from "@/lib/environment.svelte";
import { asProblem } from "./problem";

function onEvent<T>(name: string, seen: (payload: T) => void): () => void {
  const stopping = listen<T>(name, (event) => seen(event.payload));
  return () => void stopping.then((stop) => stop());
}

async function call<T>(command: string, payload: Record<string, unknown>): Promise<T> {
  try {
    return await invoke<T>(command, payload);
  } catch (thrown) {
    throw asProblem(thrown);
  }
}

function watch<N extends QueryName>(
  name: N,
  params: Params<N>,
  seen: (frame: Frame<Answer<N>>) => void,
): () => void {
  let stopped = false;
  const frames = new Channel<ToldFrame>((frame) => {
    if (!stopped) seen({ ...frame, at: Date.parse(frame.at) } as Frame<Answer<N>>);
  });
  const starting = invoke<number>("watch", { environment: environment(), name, params, frames });
  starting.catch((thrown: unknown) => {
    if (!stopped) seen({ kind: "problem", at: Date.now(), problem: asProblem(thrown) });
  });
  return () => {
    stopped = true;
    // A watch that never began has nothing to stop.
    starting.then((id) => invoke("unwatch", { id })).catch(() => undefined);
  };
}

export function tauriHost(): Host {
  return {
    kind: "tauri",
    ask<N extends RequestName>(name: N, params: Params<N>): Promise<Answer<N>> {
      const command = name.replaceAll(/[.-]/g, "_");
      return call<Answer<N>>(command, { environment: environment(), params });
    },
    watch,
    rollBack(params: RollBack, progress: (step: Progress) => void): Promise<RollBackAnswer> {
      const told = new Channel<Progress>(progress);
      return call("roll_back", { environment: environment(), params, progress: told });
    },
    window: {
      onDeepLink(seen) {
        // A link that started the program waits until somebody asks for it.
        call<string | null>("ready", {}).then(
          (path) => path !== null && seen(path),
          () => undefined,
        );
        return onEvent<string>("go", seen);
      },
      onMenu: (chosen) => onEvent<string>("action", chosen),
      onCloseAsked: (asked) => onEvent<Driven[]>("close-asked", asked),
      close: (how) => call("close", { how }),
      saveFile: (title, name) => save({ title, defaultPath: name }),
      openFile: (title, directory = false) => open({ title, directory, multiple: false }),
    },
  };
}
