// The real program, started as a user starts it, on folders of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = process.env.NIGHTKEEP_PROGRAM ?? fileURLToPath(new URL("../../../target/debug/nightkeep", import.meta.url));
const LONGEST_START = 60_000;

/**
 * Starts the program for an application with a folder of uploads, and a database whose dump runs
 * `dump`, a line of shell in which $FOLDER is the test's own folder.
 */
export async function startProgram({ dump = "echo data" } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "nightkeep-browser-"));
  await mkdir(join(folder, "uploads"));
  await writeFile(join(folder, "uploads", "picture.txt"), "a picture\n".repeat(1000));
  const application = join(folder, "application.toml");
  await writeFile(application, `name = "Larkfield Library"

[[source]]
name = "uploads"
directory = ${JSON.stringify(join(folder, "uploads"))}

[[source]]
name = "database"
dump = ["sh", "-c", ${JSON.stringify(dump.replaceAll("$FOLDER", folder))}]
`);
  const child = spawn(PROGRAM, ["--port", "0", "--state", join(folder, "state"), "--application", application], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (data) => (said += data));
  const url = await new Promise((found, failed) => {
    const late = setTimeout(() => failed(new Error(`the program has not told its address:\n${said}`)), LONGEST_START);
    let printed = "";
    child.stdout.on("data", (data) => {
      printed += data;
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(printed);
      if (!address) return;
      clearTimeout(late);
      found(address[0]);
    });
    child.on("error", failed);
    child.on("exit", (code) => failed(new Error(`the program ended with ${code}:\n${said}`)));
  }).catch(async (error) => {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
    throw error;
  });

  return {
    url,
    folder,
    /** Lets the dump go on that waits for this file. */
    touch: (name) => writeFile(join(folder, name), ""),
    remove: (name) => rm(join(folder, name), { force: true }),
    /** Starts a backup as a script would. */
    async backUp(notes) {
      const answer = await fetch(`${url}/api/backups`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ notes }) });
      if (answer.status !== 202) throw new Error(`a backup was not begun: ${answer.status} ${await answer.text()}`);
      return (await answer.json()).record;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGTERM");
        await once(child, "exit");
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A dump that lasts until the file `gate` is there. */
export const GATED = "while [ ! -e '$FOLDER/gate' ]; do sleep 0.1; done; echo data";
