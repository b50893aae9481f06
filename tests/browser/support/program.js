// The real program, started as a user starts it, on folders of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = process.env.NIGHTKEEP_PROGRAM ?? fileURLToPath(new URL("../../../target/debug/nightkeep", import.meta.url));
const LONGEST_START = 60_000;

/**
 * Starts the program for an application with a folder of uploads, source code, and a database whose dump
 * runs `dump`, a line of shell in which $FOLDER is the test's own folder. What is loaded into the
 * database comes into the file `loaded` there.
 * @param {{dump?: string, services?: string[], flags?: string[]}} options its services are processes that do nothing
 */
export async function startProgram({ dump = "echo data", services = [], flags = [] } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "nightkeep-browser-"));
  await mkdir(join(folder, "uploads"));
  await writeFile(join(folder, "uploads", "picture.txt"), "a picture\n".repeat(1000));
  await mkdir(join(folder, "source"));
  await writeFile(join(folder, "source", "main.txt"), "the source\n");
  const application = join(folder, "application.toml");
  await writeFile(application, `name = "Larkfield Library"
source_code = ${JSON.stringify(join(folder, "source"))}

[[source]]
name = "uploads"
directory = ${JSON.stringify(join(folder, "uploads"))}

[[source]]
name = "database"
dump = ["sh", "-c", ${JSON.stringify(dump.replaceAll("$FOLDER", folder))}]
load = ["sh", "-c", ${JSON.stringify(`cat > '${folder}/loaded'`)}]
${services.map((service) => `
[[service]]
name = ${JSON.stringify(service)}
command = ["sleep", "100000"]
desired = 1
`).join("")}`);
  const child = spawn(PROGRAM, ["--port", "0", "--state", join(folder, "state"), "--application", application, "--nightly", "off", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
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
    read: (name) => readFile(join(folder, name), "utf8"),
    write: (name, text) => writeFile(join(folder, name), text),
    remove: (name) => rm(join(folder, name), { force: true }),
    /** Starts a backup as a script would. */
    async backUp(notes) {
      const answer = await fetch(`${url}/api/backups`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ notes }) });
      if (answer.status !== 202) throw new Error(`a backup was not begun: ${answer.status} ${await answer.text()}`);
      return (await answer.json()).record;
    },
    /** The records, as a script would ask for them. */
    records: async () => (await (await fetch(`${url}/api/records`)).json()).records,
    /** Waits until nothing is in progress. */
    async rest() {
      const end = Date.now() + LONGEST_START;
      while ((await (await fetch(`${url}/api/state`)).json()).operation !== null) {
        if (Date.now() > end) throw new Error("the operation does not end");
        await new Promise((next) => setTimeout(next, 100));
      }
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
